package filter

// Redacted says what was taken out of a dump to be given away, and what was not.
type Redacted struct {
	// Pattern is what overwritten memory reads as.
	Pattern     string    `json:"pattern"`
	Overwritten []Matter  `json:"overwritten"`
	Kept        []Matter  `json:"kept"`
	Undecided   []string  `json:"undecided"`
	Options     RedactAsk `json:"asked"`
}

// Matter is one kind of content.
type Matter struct {
	What string `json:"what"`
	// Note says what of people it can hold, where it was kept.
	Note   string `json:"note,omitempty"`
	Places uint64 `json:"places,omitempty"`
	Bytes  uint64 `json:"bytes,omitempty"`
}

// RedactAsk is what may be chosen.
type RedactAsk struct {
	// NoLog overwrites the kernel's log.
	NoLog bool `json:"no_log,omitempty"`
	// NoUserRegisters overwrites the general registers that user space had when
	// it entered the kernel.
	NoUserRegisters bool `json:"no_user_registers,omitempty"`
	// KeepUnexplained keeps pages that are allocated and of which nothing says by
	// whom: buffers of drivers, but also those of pipes and networks.
	KeepUnexplained bool `json:"keep_unexplained,omitempty"`
	// KeepTerminals keeps what terminals have read, and what is on screens.
	KeepTerminals bool `json:"keep_terminals,omitempty"`
}

// pattern is what is written over things: it spells what it is in a dump of
// memory, and is no address.
const pattern = "REDACTED"
