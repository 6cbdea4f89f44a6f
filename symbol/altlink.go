package symbol

import (
	"path/filepath"
)

// dwzRoot is where distributions put what dwz moved out of their debug files.
const dwzRoot = "/usr/lib/debug/.dwz"

// openAlt opens the file into which dwz moved what the file at path has in common
// with others (.gnu_debugaltlink). Without it lines are found all the same, and
// functions that were inlined lack their names.
func (f *File) openAlt(path string) {
	link := f.id.AltLink
	if link == "" || f.id.AltBuildID == "" || f.dwarfData == nil {
		return
	}
	list := []string{filepath.Join(filepath.Dir(path), filepath.FromSlash(link)), filepath.Join(dwzRoot, filepath.Base(link))}
	if filepath.IsAbs(link) {
		list[0] = link
	}
	for _, name := range list {
		alt, err := openFile(name)
		switch {
		case err != nil:
			continue
		case alt.id.AltLink != "": // it has none of its own: this is another kind of file
			f.note("%s is not used: it is no supplementary file of dwz", name)
		case alt.id.BuildID != f.id.AltBuildID:
			f.note("%v", &MismatchError{File: name, What: "build ID", Has: cmpNone(alt.id.BuildID), Want: f.id.AltBuildID})
		default:
			f.alt = alt
			f.dwarfData.Supplement(alt.dwarfData)
			return
		}
		alt.Close()
	}
}
