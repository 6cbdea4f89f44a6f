package btf

import "fmt"

// Kind is what sort of type a type is.
type Kind uint8

// The kinds, BTF_KIND_* of include/uapi/linux/btf.h.
const (
	KindVoid Kind = iota
	KindInt
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDatasec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64
)

var kindNames = [...]string{
	"void", "int", "pointer", "array", "struct", "union", "enum", "forward declaration",
	"typedef", "volatile", "const", "restrict", "function", "function prototype",
	"variable", "section", "float", "declaration tag", "type tag", "enum64",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Layout of btf_type.info. Until 7.0 the vlen had 16 bits and the kind 5, with
// unused bits between them that were zero.
func kindOf(info uint32) Kind { return Kind(info >> 24 & 0x7f) }
func vlenOf(info uint32) int  { return int(info & 0xffffff) }
func flagOf(info uint32) bool { return info>>31 != 0 }
