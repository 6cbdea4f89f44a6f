package btf

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"ringside/symbol/internal/testkernel"
)

// Real kernels: everything in their BTF can be read, and what each kernel has is
// found.
func TestKernels(t *testing.T) {
	testkernel.Each(t, func(t *testing.T, k *testkernel.Kernel) {
		data := k.BTF(t)
		if data == nil {
			t.Skip("it has no BTF")
		}
		s, err := Parse(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Notes()) > 0 {
			t.Fatalf("notes about intact BTF: %q", s.Notes())
		}
		task, ok := s.Struct("task_struct")
		if !ok {
			t.Fatal("no task_struct")
		}
		t.Logf("%d bytes, %d types, task_struct has %d bytes", len(data), s.Types(), s.Type(task).Size)
		for path, size := range map[string]uint32{
			"pid": 4, "comm": 16, "comm[3]": 1, "se.sum_exec_runtime": 8, "thread.sp": 8,
			"tasks.next": 8, "rcu.func": 8, "__state": 4, "stack": 8,
		} {
			if strings.HasSuffix(k.Release, "arm64") && path == "thread.sp" {
				path = "thread.cpu_context.sp"
			}
			f, ok := s.Field(task, path)
			n, _ := s.Size(f.Type)
			if !ok || n != size {
				t.Errorf("task_struct.%s: %+v, %d bytes, %t", path, f, n, ok)
			}
			// What is at the offset is that member, or the first thing in it.
			if at := s.At(task, f.Offset); ok && !strings.HasPrefix(at, path) {
				t.Errorf("at %d of task_struct is %q, want %q", f.Offset, at, path)
			}
		}
		for _, name := range []string{"struct list_head", "u64", "unsigned long", "enum pid_type", "struct page *", "int [4]", "long long unsigned int", "unsigned char", "_Bool", "char *[2]"} {
			if _, ok := s.TypeByName(name); !ok {
				t.Errorf("no type %q", name)
			}
		}
		if proto, ok := s.Func("vfs_read"); !ok || s.String(proto) != "ssize_t (struct file *, char *, size_t, loff_t *)" {
			if p := s.Params(proto); len(p) != 4 || p[0].Name != "file" {
				t.Errorf("vfs_read is %q", s.String(proto))
			}
		}
		vars := 0
		for v := range s.Vars() {
			if vars++; v.Section != ".data..percpu" {
				t.Fatalf("%+v", v)
			}
			if n, ok := s.Size(v.Type); !ok || n != v.Size {
				t.Errorf("%s is %d bytes, its type %d", v.Name, v.Size, n)
			}
		}
		if vars < 100 {
			t.Errorf("%d per-CPU variables", vars)
		}
		// Nothing may be unreadable.
		for id := ID(1); id <= ID(s.Types()); id++ {
			typ := s.Type(id)
			if typ.Kind == KindVoid || s.String(id) == "" {
				t.Fatalf("type %d: %+v, %q", id, typ, s.String(id))
			}
			for _, m := range s.Members(id) {
				if m.Name == "" {
					continue
				}
				f, ok := s.Field(id, m.Name)
				if !ok || f.Offset*8+f.BitOffset != m.BitOffset || f.BitSize != m.BitSize {
					t.Fatalf("%s.%s: %+v, but as a member %+v", s.String(id), m.Name, f, m)
				}
			}
		}

		raw := k.Module(t, "virtio_net")
		file, err := elf.NewFile(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		// Since 6.11 a module has a base of its own, in which are the types of the
		// kernel that it needs; the kernel looks them up when it loads the module.
		base := s
		if b := file.Section(".BTF.base"); b != nil {
			data, _ := b.Data()
			if base, err = Parse(data, nil); err != nil {
				t.Fatal(err)
			}
		}
		data, err = file.Section(".BTF").Data()
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(data, base)
		if err != nil || len(m.Notes()) > 0 {
			t.Fatalf("%v, %q", err, m.Notes())
		}
		vi, ok := m.Struct("virtnet_info")
		if !ok {
			t.Fatal("no virtnet_info in virtio_net")
		}
		f, ok := m.Field(vi, "vdev")
		if !ok || m.String(f.Type) != "struct virtio_device *" || vi < ID(base.Types()) {
			t.Errorf("virtnet_info.vdev is %q", m.String(f.Type))
		}
		if f, ok := m.Field(vi, "config_work.entry.next"); ok != (base == s) || ok && m.String(f.Type) != "struct list_head *" {
			t.Errorf("virtnet_info.config_work.entry.next: %t, %q", ok, m.String(f.Type))
		}
		if found := m.Find("struct virtnet_inf?"); !slices.Equal(found, []ID{vi}) {
			t.Errorf("found %d", found)
		}
	})
}
