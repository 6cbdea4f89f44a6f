package object

import (
	"ringside/vmcore/kernel"
)

// Module is a loaded module.
type Module struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Base    uint64   `json:"base"`
	Size    uint64   `json:"size"`
	Refs    int      `json:"refs"`
	Taint   []string `json:"taint,omitempty"`
	Version string   `json:"version,omitempty"`
	SrcVer  string   `json:"srcversion,omitempty"`
	BuildID string   `json:"build_id,omitempty"`
	Args    string   `json:"args,omitempty"`
	UsedBy  []string `json:"used_by,omitempty"`
}

// Modules returns the loaded modules, the newest first.
func Modules(w *kernel.Walk) []Module {
	var list []Module
	for _, m := range w.Kernel().Modules() {
		v := m.Value(w)
		out := Module{Name: m.Name, State: m.State, BuildID: m.BuildID(w)}
		for i, r := range m.Ranges {
			if i == 0 {
				out.Base = r.Start
			}
			out.Size += r.Size
		}
		if v.Has("refcnt.counter") { // MODULE_REF_BASE is 1
			out.Refs = max(int(v.Field("refcnt.counter").Int())-1, 0)
		}
		if v.Has("taints") {
			out.Taint = taints(v.Field("taints").Uint())
		}
		out.Version, out.SrcVer = v.Field("version").Str(), v.Field("srcversion").Str()
		if v.Has("args") {
			out.Args = v.Field("args").Str()
		}
		if v.Has("source_list") && v.Walk().Kernel().HasField("struct module_use", "source") {
			for use := range w.List(v.Field("source_list"), "struct module_use", "source_list") {
				out.UsedBy = append(out.UsedBy, use.Field("source").Deref().Field("name").Str())
			}
		}
		list = append(list, out)
	}
	return list
}
