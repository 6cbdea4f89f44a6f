package crash

// Kind is what happened, in the kernel's own terms. The zero value is not a
// kind; a report whose head was lost has [KindUnknown].
type Kind string

// Class groups kinds by what they mean for whoever handles them.
type Class string

// Weight orders kinds by the harm they do, for choosing the report that a
// whole log is about.
type Weight int

// The classes.
const (
	ClassFault      Class = "fault"      // the CPU trapped in kernel mode
	ClassMemory     Class = "memory"     // a sanitizer or a check caught memory misuse
	ClassAssertion  Class = "assertion"  // BUG(), WARN() and their relatives
	ClassLocking    Class = "locking"    // lockdep and the other lock checkers
	ClassHang       Class = "hang"       // something stopped making progress
	ClassResource   Class = "resource"   // out of memory, allocation failures
	ClassPanic      Class = "panic"      // a deliberate stop
	ClassHardware   Class = "hardware"   // the machine, not the kernel
	ClassIO         Class = "io"         // storage and network devices
	ClassFilesystem Class = "filesystem" // a file system found itself damaged
	ClassUser       Class = "userspace"  // a program, not the kernel
	ClassUnknown    Class = "unknown"
)

// The weights.
const (
	WeightEvent   Weight = iota // worth counting, not a kernel defect by itself
	WeightWarning               // a check complained, the system went on
	WeightError                 // something failed for its users
	WeightHang                  // a CPU or task stopped
	WeightOops                  // a task died in kernel mode
	WeightPanic                 // the machine stopped
)

// The kinds.
const (
	KindNone            Kind = "" // no kind at all
	KindUnknown         Kind = "unknown"
	KindNullDeref       Kind = "null-ptr-deref"
	KindPageFault       Kind = "page-fault"
	KindGPF             Kind = "general-protection-fault"
	KindDivide          Kind = "divide-error"
	KindInvalidOpcode   Kind = "invalid-opcode"
	KindInt3            Kind = "int3"
	KindStackSegment    Kind = "stack-segment-fault"
	KindDoubleFault     Kind = "double-fault"
	KindStackOverflow   Kind = "stack-overflow"
	KindStackCorruption Kind = "stack-corruption"
	KindAlignment       Kind = "alignment-fault"
	KindExternalAbort   Kind = "external-abort"
	KindSError          Kind = "serror"
	KindOops            Kind = "oops" // a fault whose nature the log does not say
	KindCFI             Kind = "cfi"
	KindBug             Kind = "bug"
	KindWarning         Kind = "warning"
	KindRefcount        Kind = "refcount"
	KindListCorruption  Kind = "list-corruption"
	KindUsercopy        Kind = "usercopy"
	KindFortify         Kind = "fortify"
	KindODebug          Kind = "debugobjects"
	KindKobject         Kind = "kobject"
	KindRefTracker      Kind = "ref-tracker"
	KindRustPanic       Kind = "rust-panic"
	KindKASAN           Kind = "kasan"
	KindKFENCE          Kind = "kfence"
	KindKMSAN           Kind = "kmsan"
	KindKCSAN           Kind = "kcsan"
	KindUBSAN           Kind = "ubsan"
	KindLeak            Kind = "memory-leak"
	KindSlab            Kind = "slab-corruption"
	KindBadPage         Kind = "bad-page"
	KindBadMM           Kind = "bad-mm-state"
	KindDeadlock        Kind = "possible-deadlock"
	KindLockState       Kind = "inconsistent-lock-state"
	KindLockdep         Kind = "lockdep"
	KindRCUUsage        Kind = "suspicious-rcu-usage"
	KindSpinlock        Kind = "spinlock-bug"
	KindAtomicSleep     Kind = "atomic-sleep"
	KindPreempt         Kind = "preemptible-per-cpu"
	KindSoftLockup      Kind = "soft-lockup"
	KindHardLockup      Kind = "hard-lockup"
	KindRCUStall        Kind = "rcu-stall"
	KindHungTask        Kind = "hung-task"
	KindWorkqueueLockup Kind = "workqueue-lockup"
	KindWorkqueueHog    Kind = "workqueue-hog"
	KindOOM             Kind = "oom"
	KindAllocFailure    Kind = "page-alloc-failure"
	KindPanic           Kind = "panic"
	KindReboot          Kind = "unexpected-reboot"
	KindMachineCheck    Kind = "machine-check"
	KindHardwareError   Kind = "hardware-error"
	KindEDAC            Kind = "edac"
	KindPCIe            Kind = "pcie-aer"
	KindIOMMU           Kind = "iommu-fault"
	KindGPU             Kind = "gpu-hang"
	KindFilesystem      Kind = "filesystem-error"
	KindFSShutdown      Kind = "filesystem-shutdown"
	KindIOError         Kind = "io-error"
	KindIOTimeout       Kind = "io-timeout"
	KindNetdevWatchdog  Kind = "netdev-watchdog"
	KindNetdevRef       Kind = "netdev-refcount"
	KindIRQ             Kind = "irq-nobody-cared"
	KindSplitLock       Kind = "split-lock"
	KindMSR             Kind = "msr-access"
	KindDMA             Kind = "dma-api"
	KindVFS             Kind = "vfs-inconsistency"
	KindDuplicateName   Kind = "duplicate-name"
	KindSegfault        Kind = "user-fault"
)

// kindInfo is what the rest of the package needs to know about a kind.
type kindInfo struct {
	class  Class
	weight Weight
	family string // kinds of one family in one function are the same defect seen by different detectors
	stack  bool   // the kernel prints a stack with it
}

var kinds = map[Kind]kindInfo{
	KindUnknown:         {ClassUnknown, WeightError, "unknown", true},
	KindNullDeref:       {ClassFault, WeightOops, "bad-access", true},
	KindPageFault:       {ClassFault, WeightOops, "bad-access", true},
	KindGPF:             {ClassFault, WeightOops, "bad-access", true},
	KindDivide:          {ClassFault, WeightOops, "divide", true},
	KindInvalidOpcode:   {ClassFault, WeightOops, "bug", true},
	KindInt3:            {ClassFault, WeightOops, "bug", true},
	KindStackSegment:    {ClassFault, WeightOops, "bad-access", true},
	KindDoubleFault:     {ClassFault, WeightOops, "stack-overflow", true},
	KindStackOverflow:   {ClassFault, WeightOops, "stack-overflow", true},
	KindStackCorruption: {ClassMemory, WeightPanic, "stack-corruption", true},
	KindAlignment:       {ClassFault, WeightOops, "bad-access", true},
	KindExternalAbort:   {ClassFault, WeightOops, "external-abort", true},
	KindSError:          {ClassHardware, WeightOops, "serror", true},
	KindOops:            {ClassFault, WeightOops, "bad-access", true},
	KindCFI:             {ClassMemory, WeightOops, "cfi", true},
	KindBug:             {ClassAssertion, WeightOops, "bug", true},
	KindWarning:         {ClassAssertion, WeightWarning, "warning", true},
	KindRefcount:        {ClassMemory, WeightWarning, "refcount", true},
	KindListCorruption:  {ClassMemory, WeightOops, "bad-access", true},
	KindUsercopy:        {ClassMemory, WeightOops, "usercopy", true},
	KindFortify:         {ClassMemory, WeightOops, "fortify", true},
	KindODebug:          {ClassMemory, WeightWarning, "debugobjects", true},
	KindKobject:         {ClassAssertion, WeightWarning, "kobject", true},
	KindRefTracker:      {ClassMemory, WeightWarning, "refcount", true},
	KindRustPanic:       {ClassAssertion, WeightOops, "bug", true},
	KindKASAN:           {ClassMemory, WeightError, "bad-access", true},
	KindKFENCE:          {ClassMemory, WeightError, "bad-access", true},
	KindKMSAN:           {ClassMemory, WeightWarning, "uninit", true},
	KindKCSAN:           {ClassMemory, WeightWarning, "data-race", true},
	KindUBSAN:           {ClassMemory, WeightWarning, "ubsan", true},
	KindLeak:            {ClassMemory, WeightWarning, "leak", true},
	KindSlab:            {ClassMemory, WeightError, "slab-corruption", true},
	KindBadPage:         {ClassMemory, WeightError, "bad-page", true},
	KindBadMM:           {ClassMemory, WeightError, "bad-mm", false},
	KindDeadlock:        {ClassLocking, WeightWarning, "deadlock", true},
	KindLockState:       {ClassLocking, WeightWarning, "deadlock", true},
	KindLockdep:         {ClassLocking, WeightWarning, "lockdep", true},
	KindRCUUsage:        {ClassLocking, WeightWarning, "rcu-usage", true},
	KindSpinlock:        {ClassLocking, WeightError, "spinlock", true},
	KindAtomicSleep:     {ClassLocking, WeightWarning, "atomic-sleep", true},
	KindPreempt:         {ClassLocking, WeightWarning, "preempt", true},
	KindSoftLockup:      {ClassHang, WeightHang, "stall", true},
	KindHardLockup:      {ClassHang, WeightHang, "stall", true},
	KindRCUStall:        {ClassHang, WeightHang, "stall", true},
	KindHungTask:        {ClassHang, WeightHang, "hang", true},
	KindWorkqueueLockup: {ClassHang, WeightHang, "stall", false},
	KindWorkqueueHog:    {ClassHang, WeightEvent, "hog", false},
	KindOOM:             {ClassResource, WeightError, "oom", true},
	KindAllocFailure:    {ClassResource, WeightError, "alloc-failure", true},
	KindPanic:           {ClassPanic, WeightPanic, "panic", true},
	KindReboot:          {ClassPanic, WeightEvent, "reboot", false},
	KindMachineCheck:    {ClassHardware, WeightError, "hardware", false},
	KindHardwareError:   {ClassHardware, WeightError, "hardware", false},
	KindEDAC:            {ClassHardware, WeightEvent, "hardware", false},
	KindPCIe:            {ClassHardware, WeightEvent, "hardware", false},
	KindIOMMU:           {ClassHardware, WeightEvent, "iommu", false},
	KindGPU:             {ClassHardware, WeightError, "gpu", false},
	KindFilesystem:      {ClassFilesystem, WeightError, "filesystem", false},
	KindFSShutdown:      {ClassFilesystem, WeightError, "filesystem", false},
	KindIOError:         {ClassIO, WeightEvent, "io", false},
	KindIOTimeout:       {ClassIO, WeightEvent, "io", false},
	KindNetdevWatchdog:  {ClassIO, WeightError, "netdev", false},
	KindNetdevRef:       {ClassHang, WeightHang, "netdev-ref", false},
	KindIRQ:             {ClassHardware, WeightError, "irq", true},
	KindSplitLock:       {ClassUser, WeightEvent, "split-lock", false},
	KindMSR:             {ClassAssertion, WeightEvent, "msr", false},
	KindDMA:             {ClassIO, WeightWarning, "dma", false},
	KindVFS:             {ClassFilesystem, WeightError, "vfs", false},
	KindDuplicateName:   {ClassAssertion, WeightWarning, "duplicate-name", false},
	KindSegfault:        {ClassUser, WeightEvent, "user", false},
}

// Class returns the class of k.
func (k Kind) Class() Class {
	if i, ok := kinds[k]; ok {
		return i.class
	}
	return ClassUnknown
}

// Weight returns how much harm k means by itself.
func (k Kind) Weight() Weight { return kinds[k].weight }

// Family returns the family that k belongs to: kinds by which different
// detectors see one and the same defect.
func (k Kind) Family() string {
	if i, ok := kinds[k]; ok {
		return i.family
	}
	return "unknown"
}

// Kinds returns every kind, in no particular order.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds))
	for k := range kinds {
		all = append(all, k)
	}
	return all
}
