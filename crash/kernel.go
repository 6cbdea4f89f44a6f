package crash

// shareKernel gives what one report of a boot says about the kernel to the
// others of that boot: the offset of KASLR is printed with a panic only, the
// build ID only where a CPU is named.
func shareKernel(lists ...[]Report) {
	var known map[int]*Report
	for _, reports := range lists {
		for i := range reports {
			r := &reports[i]
			if r.KernelBuildID == "" && r.KernelOffset == "" {
				continue
			}
			if known == nil {
				known = map[int]*Report{}
			}
			if known[r.Boot] == nil {
				known[r.Boot] = &Report{}
			}
			share(known[r.Boot], r)
		}
	}
	for _, reports := range lists {
		for i := range reports {
			if k := known[reports[i].Boot]; k != nil {
				share(&reports[i], k)
			}
		}
	}
}

// share completes to with what from knows of the kernel, and cites the lines
// that from has it from.
func share(to, from *Report) {
	for _, f := range []struct {
		name     string
		to, from *string
	}{
		{"kernel_build_id", &to.KernelBuildID, &from.KernelBuildID},
		{"kernel_offset", &to.KernelOffset, &from.KernelOffset},
		{"kernel_base", &to.KernelBase, &from.KernelBase},
	} {
		if *f.to != "" || *f.from == "" {
			continue
		}
		*f.to = *f.from
		for _, e := range from.Evidence {
			if e.Field == f.name && len(to.Evidence) < maxEvidence {
				to.Evidence = append(to.Evidence, e)
			}
		}
	}
}
