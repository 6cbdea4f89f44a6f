// Package kernel reads what kernels come as: images, packages, build trees.
//
// An image (image.go) is recognised by its own header, and says for which architecture it
// is and which release. A Debian package (deb.go) is unpacked once, into a folder that
// looks like the root it would be installed in. In such a folder, in an installed root or
// in a build tree (tree.go) the image, the configuration and the modules are found;
// modules come with those that they depend on (module.go).
package kernel
