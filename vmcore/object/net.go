package object

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ringside/vmcore/kernel"
)

// Network is the devices and sockets of all network namespaces.
type Network struct {
	Devices []NetDevice   `json:"devices"`
	Sockets []SocketCount `json:"sockets"`
	Listen  []Listener    `json:"listen"`
}

// NetDevice is a network device.
type NetDevice struct {
	Name      string     `json:"name"`
	Addr      Addr       `json:"addr"` // of its struct net_device
	Namespace uint64     `json:"namespace"`
	Index     int        `json:"index"`
	Flags     []string   `json:"flags"`
	MAC       string     `json:"mac,omitempty"`
	MTU       int        `json:"mtu"`
	Addresses []string   `json:"addresses"`
	Driver    string     `json:"driver,omitempty"` // its operations
	Stats     *NetStats  `json:"stats,omitempty"`
	Queues    []NetQueue `json:"queues"` // those that are stopped, or were for too long
}

// NetStats are what the kernel itself counts for a device: many drivers keep
// their own counts where no type says.
type NetStats struct {
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
	RxBytes   uint64 `json:"rx_bytes"`
	TxBytes   uint64 `json:"tx_bytes"`
	RxErrors  uint64 `json:"rx_errors"`
	TxErrors  uint64 `json:"tx_errors"`
	RxDropped uint64 `json:"rx_dropped"`
	TxDropped uint64 `json:"tx_dropped"`
}

// NetQueue is a queue for sending that does not go on.
type NetQueue struct {
	Index    int           `json:"index"`
	Stopped  bool          `json:"stopped"`
	Timeouts uint64        `json:"timeouts"`
	Since    time.Duration `json:"since_ns"` // since something was sent
}

// SocketCount counts the sockets of a protocol in a state.
type SocketCount struct {
	Protocol string `json:"protocol"`
	Family   string `json:"family"`
	State    string `json:"state,omitempty"`
	Count    int    `json:"count"`
}

// Listener is a socket that waits for others.
type Listener struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	Addr     Addr   `json:"addr"` // of its struct sock
}

// Bounds of the network.
const (
	maxNamespaces = 10_000
	maxDevices    = 50_000
	maxAddresses  = 256
	maxTxQueues   = 4096
	maxBuckets    = 1 << 21
	maxSockets    = 2_000_000
	maxListeners  = 1000
)

// Flags of a device, include/uapi/linux/if.h.
var deviceFlags = []flag{{1, "UP"}, {2, "BROADCAST"}, {8, "LOOPBACK"}, {0x10, "POINTOPOINT"}, {0x80, "NOARP"}, {0x100, "PROMISC"},
	{0x200, "ALLMULTI"}, {0x400, "MASTER"}, {0x800, "SLAVE"}, {0x1000, "MULTICAST"}}

// netNamespaces goes through all network namespaces. Where the list has no name,
// it is entered at that of the first task, which is passed over as the head is.
func netNamespaces(w *kernel.Walk) iter.Seq[kernel.Value] {
	if _, ok := w.Kernel().Symbol("net_namespace_list"); ok {
		return w.List(w.Global("net_namespace_list", "struct list_head"), "struct net", "list")
	}
	return func(yield func(kernel.Value) bool) {
		first := w.Global("init_task", "struct task_struct").Follow("nsproxy", "net_ns")
		if first.Valid() {
			yield(first)
		}
	}
}

// ReadNetwork reads the devices and counts the sockets.
func ReadNetwork(w *kernel.Walk) *Network {
	n := &Network{Devices: []NetDevice{}, Sockets: []SocketCount{}, Listen: []Listener{}}
	j := ReadJiffies(w)
	c := socketCounter{w: w, n: n, counts: map[SocketCount]int{}}
	spaces := 0
	for net := range netNamespaces(w) {
		if spaces++; spaces > maxNamespaces {
			break
		}
		for dev := range w.List(net.Field("dev_base_head"), "struct net_device", "dev_list") {
			if n.Devices = append(n.Devices, deviceOf(dev, net, j)); len(n.Devices) == maxDevices {
				break
			}
		}
		c.unix(net)
	}
	c.tcp()
	c.udp()
	for key, count := range c.counts {
		key.Count = count
		n.Sockets = append(n.Sockets, key)
	}
	slices.SortFunc(n.Sockets, func(a, b SocketCount) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Family, b.Family), cmp.Compare(a.State, b.State))
	})
	return n
}

func deviceOf(v, net kernel.Value, j Jiffies) NetDevice {
	w := v.Walk()
	d := NetDevice{Name: v.Field("name").Str(), Addr: Addr(v.Addr()), Namespace: net.Field("ns.inum").Uint(), Index: int(v.Field("ifindex").Int()),
		MTU: int(v.Field("mtu").Uint()), Flags: []string{}, Addresses: []string{}, Queues: []NetQueue{}, Driver: symbolAt(w.Kernel(), v.Field("netdev_ops").Ptr())}
	bits := v.Field("flags").Uint()
	for _, f := range deviceFlags {
		if bits&f.bit != 0 {
			d.Flags = append(d.Flags, f.name)
		}
	}
	if bits&1 != 0 && v.Field("state").Uint()&(1<<2) == 0 { // __LINK_STATE_NOCARRIER
		d.Flags = append(d.Flags, "LOWER_UP")
	}
	if n := v.Field("addr_len").Uint(); n > 0 && n <= 32 {
		at := v.Field("dev_addr") // an array until 5.16, a pointer since
		addr := at.Addr()
		if at.Len() == 0 {
			addr = at.Ptr()
		}
		mac := make([]byte, n)
		if w.Read(mac, addr) == nil {
			d.MAC = colons(mac)
		}
	}
	d.readAddresses(v)
	d.Stats = statsOf(v)
	table := v.Field("_tx")
	for i := range min(int(v.First("real_num_tx_queues", "num_tx_queues").Uint()), maxTxQueues) {
		q := table.Index(i)
		out := NetQueue{Index: i, Stopped: q.Field("state").Uint()&3 != 0, Since: max(j.Since(q.Field("trans_start").Uint()), 0)}
		if t := q.Field("trans_timeout"); t.Has("counter") {
			out.Timeouts = t.Field("counter").Uint()
		} else {
			out.Timeouts = t.Uint()
		}
		if out.Stopped || out.Timeouts > 0 {
			d.Queues = append(d.Queues, out)
		}
	}
	return d
}

// colons writes a hardware address.
func colons(b []byte) string {
	var s []string
	for _, c := range b {
		s = append(s, hex.EncodeToString([]byte{c}))
	}
	return strings.Join(s, ":")
}

// readAddresses reads the addresses that a device has.
func (d *NetDevice) readAddresses(v kernel.Value) {
	w := v.Walk()
	in4 := v.Field("ip_ptr").Deref()
	for a := range w.Chain(in4.Field("ifa_list").Deref(), "ifa_next") {
		d.Addresses = append(d.Addresses, fmt.Sprintf("%s/%d", address(a.Field("ifa_local"), 4), a.Field("ifa_prefixlen").Uint()))
		if len(d.Addresses) == maxAddresses {
			return
		}
	}
	if !w.Kernel().HasField("struct inet6_ifaddr", "if_list") {
		return
	}
	in6 := v.Field("ip6_ptr").Deref()
	for a := range w.List(in6.Field("addr_list"), "struct inet6_ifaddr", "if_list") {
		d.Addresses = append(d.Addresses, fmt.Sprintf("%s/%d", address(a.Field("addr"), 16), a.Field("prefix_len").Uint()))
		if len(d.Addresses) >= maxAddresses {
			return
		}
	}
}

// address reads an address of 4 or 16 bytes in network order.
func address(v kernel.Value, n int) netip.Addr {
	var b [16]byte
	if !v.Valid() || v.Walk().Read(b[:n], v.Addr()) != nil {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(b[:n])
	return a
}

// statsOf sums a device's own counts, and those of each CPU that the device has
// told the kernel of.
func statsOf(v kernel.Value) *NetStats {
	s := &NetStats{}
	add := func(from kernel.Value) {
		for name, to := range map[string]*uint64{"rx_packets": &s.RxPackets, "tx_packets": &s.TxPackets, "rx_bytes": &s.RxBytes, "tx_bytes": &s.TxBytes,
			"rx_errors": &s.RxErrors, "tx_errors": &s.TxErrors, "rx_dropped": &s.RxDropped, "tx_dropped": &s.TxDropped} {
			if from.Has(name) && from.Field(name).Size() == 8 {
				*to += counter64(from.Field(name))
			}
		}
	}
	add(v.Field("stats"))
	w := v.Walk()
	kind := ""
	if v.Has("pcpu_stat_type") {
		kind = v.Field("pcpu_stat_type").Enum()
	}
	for _, cpu := range w.Kernel().CPUs() {
		switch kind {
		case "NETDEV_PCPU_STAT_TSTATS":
			add(v.Field("tstats").PerCPUOf(cpu))
		case "NETDEV_PCPU_STAT_DSTATS":
			add(v.Field("dstats").PerCPUOf(cpu))
		case "NETDEV_PCPU_STAT_LSTATS": // what was sent is what was received
			l := v.Field("lstats").PerCPUOf(cpu)
			packets, bytes := counter64(l.Field("packets")), counter64(l.Field("bytes"))
			if v.Field("flags").Uint()&8 != 0 {
				s.RxPackets, s.RxBytes = s.RxPackets+packets, s.RxBytes+bytes
			}
			s.TxPackets, s.TxBytes = s.TxPackets+packets, s.TxBytes+bytes
		}
		if v.Has("core_stats") && v.Field("core_stats").Ptr() != 0 {
			add(v.Field("core_stats").PerCPUOf(cpu))
		}
	}
	return s
}

// counter64 reads a counter of 64 bits, whatever it is wrapped into: an integer,
// a union of one, a u64_stats_t.
func counter64(v kernel.Value) uint64 {
	if !v.Valid() {
		return 0
	}
	n, err := v.Walk().U64(v.Addr())
	if err != nil {
		v.Fault(err.Error())
	}
	return n
}

// socketCounter counts sockets.
type socketCounter struct {
	w      *kernel.Walk
	n      *Network
	counts map[SocketCount]int
	seen   int
}

// tcpStates are those of include/net/tcp_states.h.
var tcpStates = []string{"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "close", "close-wait", "last-ack", "listen", "closing", "new-syn-recv"}

func (c *socketCounter) add(protocol string, sk kernel.Value) bool {
	state, family := sk.Field("skc_state").Uint(), sk.Field("skc_family").Uint()
	key := SocketCount{Protocol: protocol, Family: fmt.Sprint(family)}
	switch family {
	case 1:
		key.Family = "unix"
	case 2:
		key.Family = "inet"
	case 10:
		key.Family = "inet6"
	}
	if state < uint64(len(tcpStates)) {
		key.State = tcpStates[state]
	}
	c.counts[key]++
	if state == 10 && family != 1 || protocol == "udp" && sk.Field("skc_dport").Uint() == 0 {
		c.listener(protocol, sk, family)
	}
	c.seen++
	return c.seen < maxSockets
}

func (c *socketCounter) listener(protocol string, sk kernel.Value, family uint64) {
	if len(c.n.Listen) >= maxListeners {
		return
	}
	addr := address(sk.Field("skc_rcv_saddr"), 4)
	if family == 10 && sk.Has("skc_v6_rcv_saddr") {
		addr = address(sk.Field("skc_v6_rcv_saddr"), 16)
	}
	if port := sk.Field("skc_num").Uint(); port != 0 {
		c.n.Listen = append(c.n.Listen, Listener{protocol, netip.AddrPortFrom(addr, uint16(port)).String(), Addr(sk.Addr())})
	}
}

// chain goes through a bucket whose entries are members of a struct
// sock_common. Most buckets are empty: that costs one read.
func (c *socketCounter) chain(protocol string, head uint64, member string) bool {
	first, err := c.w.Pointer(head)
	if err != nil {
		return true
	}
	if first == 0 || first&1 != 0 {
		return c.w.Err() == nil
	}
	for sk := range c.w.HList(c.w.At("struct hlist_head", head), "struct sock_common", member) {
		if !c.add(protocol, sk) {
			return false
		}
	}
	return true
}

func (c *socketCounter) tcp() {
	k := c.w.Kernel()
	if _, ok := k.Symbol("tcp_hashinfo"); !ok {
		return
	}
	info := c.w.Global("tcp_hashinfo", "struct inet_hashinfo")
	base, size := info.Field("ehash").Ptr(), k.SizeOf("struct inet_ehash_bucket")
	if n := info.Field("ehash_mask").Uint() + 1; base != 0 && size != 0 {
		for i := range min(n, maxBuckets) {
			if !c.chain("tcp", base+i*size, "skc_nulls_node") {
				return
			}
		}
	}
	table := info.Field("lhash2")
	if head := table.Index(0); head.Has("nulls_head") && table.Ptr() != 0 {
		for i := range min(info.Field("lhash2_mask").Uint()+1, maxBuckets) {
			if !c.chain("tcp", table.Index(int(i)).Field("nulls_head").Addr(), "skc_nulls_node") {
				return
			}
		}
	}
}

func (c *socketCounter) udp() {
	k := c.w.Kernel()
	if _, ok := k.Symbol("udp_table"); !ok {
		return
	}
	table := c.w.Global("udp_table", "struct udp_table")
	base, size := table.Field("hash").Ptr(), k.SizeOf("struct udp_hslot")
	for i := range min(table.Field("mask").Uint()+1, maxBuckets) {
		if base == 0 || !c.chain("udp", base+i*size, "skc_node") {
			return
		}
	}
}

// unixBuckets is UNIX_HASH_SIZE.
const unixBuckets = 256

// unix counts the local sockets of a namespace. Kernels before 6.0 had one table
// for all, in a module that may not be there.
func (c *socketCounter) unix(net kernel.Value) {
	if !net.Has("unx.table.buckets") {
		return
	}
	base := net.Field("unx.table.buckets").Ptr()
	for i := range uint64(unixBuckets) {
		if base == 0 || !c.chain("unix", base+i*uint64(c.w.Kernel().PtrSize()), "skc_node") {
			return
		}
	}
}
