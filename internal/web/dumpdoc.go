package web

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ringside/crash"
	"ringside/internal/record"
)

// dumpDoc is what the pages show of a dump's document: they read its published
// form, vmcore.v1, as any other reader does.
type dumpDoc struct {
	Rung   string `json:"rung"`
	Ladder []struct {
		Rung    string `json:"rung"`
		Reached bool   `json:"reached"`
		Text    string `json:"text"`
	} `json:"ladder"`
	Dump struct {
		Format       string   `json:"format"`
		Parts        int      `json:"parts"`
		Compression  []string `json:"compression"`
		DumpLevel    *int     `json:"dump_level"`
		Producer     string   `json:"producer"`
		Pages        int64    `json:"pages"`
		PagesPresent int64    `json:"pages_present"`
		PageSize     int64    `json:"page_size"`
		Warnings     []string `json:"warnings"`
	} `json:"dump"`
	Kernel struct {
		Release  string        `json:"release"`
		Version  string        `json:"version"`
		Machine  string        `json:"machine"`
		Node     string        `json:"node"`
		BuildID  string        `json:"build_id"`
		CmdLine  string        `json:"cmdline"`
		Uptime   time.Duration `json:"uptime_ns"`
		BootTime time.Time     `json:"boot_time"`
		DumpTime time.Time     `json:"dump_time"`
		Load     []float64     `json:"load"`
		CPUs     []int         `json:"cpus"`
		Taint    []string      `json:"taint"`
		PanicCPU *int          `json:"panic_cpu"`
	} `json:"kernel"`
	Findings []dumpFinding `json:"findings"`
	Sections struct {
		Status []struct {
			Section string `json:"section"`
			Error   string `json:"error"`
			Faults  []struct {
				Addr string `json:"addr"`
				Path string `json:"path"`
				Text string `json:"text"`
			} `json:"faults"`
			More int `json:"more_faults"`
		} `json:"status"`
		CPUs  []dumpCPU `json:"cpus"`
		Tasks *struct {
			Count  int            `json:"count"`
			States map[string]int `json:"states"`
			Groups []dumpGroup    `json:"groups"`
			Tasks  []dumpTask     `json:"tasks"`
		} `json:"tasks"`
		Waits *struct {
			Graph crash.WaitGraph `json:"graph"`
			Locks []dumpLock      `json:"locks"`
		} `json:"waits"`
		Memory    *dumpMemory    `json:"memory"`
		Modules   []dumpModule   `json:"modules"`
		Mounts    []dumpMount    `json:"mounts"`
		RunQueues *dumpRunQueues `json:"runqueues"`
		Disks     []dumpDisk     `json:"disks"`
		Network   *dumpNetwork   `json:"network"`
		IRQs      *dumpIRQs      `json:"irqs"`
		Timers    *dumpTimers    `json:"timers"`
		Works     []dumpPool     `json:"workqueues"`
	} `json:"sections"`
}

type dumpFinding struct {
	Rank       int     `json:"rank"`
	Kind       string  `json:"kind"`
	Title      string  `json:"title"`
	Confidence float64 `json:"confidence"`
	Evidence   []struct {
		Text   string `json:"text"`
		Object string `json:"object"`
		Line   int    `json:"line"`
		URL    string `json:"-"` // of the line
	} `json:"evidence"`
	Next      []string `json:"next"`
	Diagnosis *struct {
		Meaning string `json:"meaning"`
	} `json:"diagnosis"`
}

type dumpFrame struct {
	PC         string `json:"pc"`
	Symbol     string `json:"symbol"`
	Offset     uint64 `json:"offset"`
	Size       uint64 `json:"size"`
	Module     string `json:"module"`
	File       string `json:"file"`
	Line       int    `json:"line"`
	Unreliable bool   `json:"unreliable"`
	Exception  bool   `json:"exception"`
}

// Name is the function, or the address where there is none.
func (f dumpFrame) Name() string { return cmp.Or(f.Symbol, f.PC) }

// Place is where in the function the frame is.
func (f dumpFrame) Place() string {
	switch {
	case f.Symbol == "":
		return ""
	case f.Size == 0:
		return fmt.Sprintf("+%#x", f.Offset)
	}
	return fmt.Sprintf("+%#x/%#x", f.Offset, f.Size)
}

type dumpCPU struct {
	Number  int               `json:"cpu"`
	Task    string            `json:"task"`
	TID     int               `json:"tid"`
	Running int               `json:"running"`
	Regs    map[string]string `json:"registers"`
	Frames  []dumpFrame       `json:"frames"`
	Unwound string            `json:"unwound"`
}

type dumpGroup struct {
	Count  int         `json:"count"`
	State  string      `json:"state"`
	TIDs   []int       `json:"tids"`
	Comms  []string    `json:"comms"`
	Frames []dumpFrame `json:"frames"`
	Index  int         `json:"-"`
}

type dumpTask struct {
	PID    int      `json:"pid"`
	TID    int      `json:"tid"`
	PPID   int      `json:"ppid"`
	Comm   string   `json:"comm"`
	State  string   `json:"state"`
	CPU    int      `json:"cpu"`
	OnCPU  bool     `json:"on_cpu"`
	Kernel bool     `json:"kernel"`
	Ran    float64  `json:"ran_s"`
	Waited *float64 `json:"waited_s"`
	RSS    int64    `json:"rss"`
	Policy string   `json:"policy"`
	Nice   int      `json:"nice"`
	Group  int      `json:"group"`
	Cgroup string   `json:"cgroup"`
}

type dumpTaskRef struct {
	TID  int    `json:"tid"`
	Comm string `json:"comm"`
	Mode string `json:"mode"`
	How  string `json:"how"`
}

type dumpLock struct {
	Kind      string        `json:"kind"`
	Name      string        `json:"name"`
	Addr      string        `json:"addr"`
	Owners    []dumpTaskRef `json:"owners"`
	OwnerSure bool          `json:"owner_sure"`
	Readers   int           `json:"readers"`
	Waiters   []dumpTaskRef `json:"waiters"`
	Note      string        `json:"note"`
}

type dumpShare struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

type dumpMemory struct {
	PageSize int64       `json:"page_size"`
	Counters []dumpShare `json:"counters"`
	Balance  []dumpShare `json:"balance"`
	Nodes    []struct {
		ID    int        `json:"node"`
		Zones []dumpZone `json:"zones"`
	} `json:"nodes"`
	Slabs []struct {
		Name    string `json:"name"`
		Size    int64  `json:"size"`
		Objects int64  `json:"objects"`
		Used    int64  `json:"used"`
		Bytes   int64  `json:"bytes"`
	} `json:"slabs"`
	Vmalloc []struct {
		Caller string `json:"caller"`
		Areas  int64  `json:"areas"`
		Bytes  int64  `json:"bytes"`
	} `json:"vmalloc"`
	Processes []struct {
		PID  int    `json:"pid"`
		Comm string `json:"comm"`
		RSS  int64  `json:"rss"`
	} `json:"processes"`
	Short   []string `json:"short"`
	Suspect string   `json:"suspect"`
}

type dumpZone struct {
	Name    string  `json:"name"`
	Managed int64   `json:"managed"`
	Free    int64   `json:"free"`
	Min     int64   `json:"min"`
	Low     int64   `json:"low"`
	High    int64   `json:"high"`
	Buddy   []int64 `json:"buddy"`
}

type dumpModule struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Size    int64    `json:"size"`
	Refs    int      `json:"refs"`
	Taint   []string `json:"taint"`
	Version string   `json:"version"`
	Args    string   `json:"args"`
	UsedBy  []string `json:"used_by"`
}

type dumpMount struct {
	Device  string   `json:"device"`
	Path    string   `json:"path"`
	Type    string   `json:"type"`
	Options []string `json:"options"`
	Frozen  bool     `json:"frozen"`
}

type dumpRunQueues struct {
	CPUs []struct {
		CPU     int           `json:"cpu"`
		Behind  time.Duration `json:"behind_ns"`
		Current dumpQueued    `json:"current"`
		Idle    bool          `json:"idle"`
		Queued  []dumpQueued  `json:"queued"`
	} `json:"cpus"`
}

type dumpQueued struct {
	TID   int           `json:"tid"`
	Comm  string        `json:"comm"`
	Class string        `json:"class"`
	Prio  int           `json:"prio"`
	Since time.Duration `json:"since_ns"`
}

type dumpDisk struct {
	Name     string `json:"name"`
	Driver   string `json:"driver"`
	Reads    int64  `json:"reads"`
	Writes   int64  `json:"writes"`
	Quiesced int    `json:"quiesced"`
	Requests []struct {
		State  string        `json:"state"`
		Op     string        `json:"op"`
		Sector uint64        `json:"sector"`
		Bytes  int64         `json:"bytes"`
		Age    time.Duration `json:"age_ns"`
	} `json:"requests"`
}

type dumpNetwork struct {
	Devices []struct {
		Name      string   `json:"name"`
		Flags     []string `json:"flags"`
		MTU       int      `json:"mtu"`
		Addresses []string `json:"addresses"`
		Driver    string   `json:"driver"`
		Stats     struct {
			RxPackets int64 `json:"rx_packets"`
			TxPackets int64 `json:"tx_packets"`
			RxErrors  int64 `json:"rx_errors"`
			TxErrors  int64 `json:"tx_errors"`
			RxDropped int64 `json:"rx_dropped"`
			TxDropped int64 `json:"tx_dropped"`
		} `json:"stats"`
	} `json:"devices"`
}

type dumpIRQs struct {
	Lines []struct {
		Number  int   `json:"irq"`
		Total   int64 `json:"total"`
		Actions []struct {
			Name    string `json:"name"`
			Handler string `json:"handler"`
		} `json:"actions"`
		Chip      string `json:"chip"`
		Disabled  int    `json:"disabled"`
		Unhandled int64  `json:"unhandled"`
	} `json:"lines"`
}

type dumpTimer struct {
	Function string        `json:"function"`
	In       time.Duration `json:"in_ns"`
	Clock    string        `json:"clock"`
	CPU      int           `json:"cpu"`
}

type dumpTimers struct {
	Wheels []struct {
		CPU    int           `json:"cpu"`
		Base   string        `json:"base"`
		Count  int           `json:"count"`
		Late   time.Duration `json:"late_ns"`
		Timers []dumpTimer   `json:"timers"`
	} `json:"wheels"`
	High []dumpTimer `json:"high_resolution"`
}

type dumpWork struct {
	TID      int           `json:"tid"`
	Comm     string        `json:"comm"`
	State    string        `json:"state"`
	Function string        `json:"function"`
	Queue    string        `json:"queue"`
	Since    time.Duration `json:"since_ns"`
}

type dumpPool struct {
	ID      int           `json:"id"`
	CPU     int           `json:"cpu"`
	Workers int           `json:"workers"`
	Idle    int           `json:"idle"`
	Busy    []dumpWork    `json:"busy"`
	Pending []dumpWork    `json:"pending"`
	Stalled time.Duration `json:"stalled_ns"`
}

const (
	// maxDumpDoc bounds the document that is read for a page, uncompressed.
	maxDumpDoc = 512 << 20
	// keptDumpDocs is how many documents are kept for the next page: people look
	// at one dump for a while.
	keptDumpDocs = 3
)

// dumpDocs keeps the documents that were looked at last.
type dumpDocs struct {
	mu   sync.Mutex
	kept []keptDumpDoc // the one looked at last first
}

type keptDumpDoc struct {
	id string
	at time.Time // of its analysis
	*dumpDoc
}

func (c *dumpDocs) get(id string, at time.Time) *dumpDoc {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range c.kept {
		if k.id == id && k.at.Equal(at) {
			copy(c.kept[1:i+1], c.kept[:i])
			c.kept[0] = k
			return k.dumpDoc
		}
	}
	return nil
}

func (c *dumpDocs) put(id string, at time.Time, doc *dumpDoc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := []keptDumpDoc{{id, at, doc}}
	for _, k := range c.kept {
		if k.id != id && len(kept) < keptDumpDocs {
			kept = append(kept, k)
		}
	}
	c.kept = kept
}

// dumpDoc returns the document of a dump that was analysed. Nobody may change it.
func (s *site) dumpDoc(ctx context.Context, d *record.Dump) (*dumpDoc, error) {
	if d.AnalysedAt == nil {
		return nil, fmt.Errorf("document of dump %s: %w: it was not analysed yet", d.ID, record.ErrNotFound)
	}
	if doc := s.dumpDocs.get(d.ID, *d.AnalysedAt); doc != nil {
		return doc, nil
	}
	r, _, err := s.svc.OpenDump(ctx, d.ID, record.DumpOutline)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	doc, err := readDumpDoc(r, "/dumps/"+d.ID)
	if err != nil {
		return nil, fmt.Errorf("document of dump %s: %w", d.ID, err)
	}
	s.dumpDocs.put(d.ID, *d.AnalysedAt, doc)
	return doc, nil
}

// readDumpDoc reads the document of the dump whose pages are under path.
func readDumpDoc(r io.Reader, path string) (*dumpDoc, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: z, N: maxDumpDoc}
	var doc dumpDoc
	if err := json.NewDecoder(limited).Decode(&doc); err != nil {
		if limited.N <= 0 {
			err = errors.New("it is larger than a page can show; the API has it")
		}
		return nil, err
	}
	if t := doc.Sections.Tasks; t != nil {
		for i := range t.Groups {
			t.Groups[i].Index = i
		}
	}
	for _, f := range doc.Findings {
		for i, e := range f.Evidence {
			if e.Line > 0 {
				f.Evidence[i].URL = fmt.Sprintf("%s/log?line=%d#L%d", path, e.Line, e.Line)
			}
		}
	}
	return &doc, nil
}
