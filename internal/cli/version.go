package cli

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"ringside/crash"
	"ringside/internal/render"
	"ringside/owner"
)

// release is set by the release build.
var release = "0.1.0-dev"

func version() render.Version {
	v := render.Version{Schema: render.VersionSchemaID, Version: release, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Signatures: crash.Algorithm}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

func newVersion(s Streams) *cobra.Command {
	var out output
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of the rules and data built in",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if idx, err := owner.Default(); err == nil {
				v.Owners = idx.Provenance()
			}
			err := out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, v)
				}
				return render.Facts(w, "ringside "+v.Version, [][2]string{
					{"revision", v.Revision}, {"go", v.Go}, {"platform", v.Platform},
					{"signatures", v.Signatures}, {"owners", v.Owners.Package + " " + v.Owners.Version},
				}, st)
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			return nil
		},
	}
	out.flags(c, false)
	return c
}

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages of every verb into a folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "RINGSIDE", Section: "1", Source: "Ringside " + release, Manual: "Ringside"}, args[0]); err != nil {
				return usagef("write manual pages: %w", err)
			}
			return nil
		},
	}
}
