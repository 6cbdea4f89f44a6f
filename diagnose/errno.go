package diagnose

import (
	"fmt"
	"strings"
)

// maxErrno is the largest error number that a pointer can carry
// (include/linux/err.h).
const maxErrno = 4095

// Errno is an error number that the kernel printed, with its name.
type Errno struct {
	Number int    `json:"number"` // positive
	Name   string `json:"name"`
	Text   string `json:"text"`
}

// errnos are the error numbers of include/uapi/asm-generic/errno.h and, from 512,
// those that never leave the kernel (include/linux/errno.h).
var errnos = map[int]Errno{
	1:   {1, "EPERM", "operation not permitted"},
	2:   {2, "ENOENT", "no such file or directory"},
	3:   {3, "ESRCH", "no such process"},
	4:   {4, "EINTR", "interrupted system call"},
	5:   {5, "EIO", "I/O error"},
	6:   {6, "ENXIO", "no such device or address"},
	7:   {7, "E2BIG", "argument list too long"},
	8:   {8, "ENOEXEC", "exec format error"},
	9:   {9, "EBADF", "bad file number"},
	10:  {10, "ECHILD", "no child processes"},
	11:  {11, "EAGAIN", "try again"},
	12:  {12, "ENOMEM", "out of memory"},
	13:  {13, "EACCES", "permission denied"},
	14:  {14, "EFAULT", "bad address"},
	15:  {15, "ENOTBLK", "block device required"},
	16:  {16, "EBUSY", "device or resource busy"},
	17:  {17, "EEXIST", "file exists"},
	18:  {18, "EXDEV", "cross-device link"},
	19:  {19, "ENODEV", "no such device"},
	20:  {20, "ENOTDIR", "not a directory"},
	21:  {21, "EISDIR", "is a directory"},
	22:  {22, "EINVAL", "invalid argument"},
	23:  {23, "ENFILE", "file table overflow"},
	24:  {24, "EMFILE", "too many open files"},
	25:  {25, "ENOTTY", "not a typewriter"},
	26:  {26, "ETXTBSY", "text file busy"},
	27:  {27, "EFBIG", "file too large"},
	28:  {28, "ENOSPC", "no space left on device"},
	29:  {29, "ESPIPE", "illegal seek"},
	30:  {30, "EROFS", "read-only file system"},
	31:  {31, "EMLINK", "too many links"},
	32:  {32, "EPIPE", "broken pipe"},
	33:  {33, "EDOM", "argument out of domain"},
	34:  {34, "ERANGE", "result not representable"},
	35:  {35, "EDEADLK", "resource deadlock would occur"},
	36:  {36, "ENAMETOOLONG", "file name too long"},
	37:  {37, "ENOLCK", "no record locks available"},
	38:  {38, "ENOSYS", "function not implemented"},
	39:  {39, "ENOTEMPTY", "directory not empty"},
	40:  {40, "ELOOP", "too many symbolic links"},
	42:  {42, "ENOMSG", "no message of desired type"},
	43:  {43, "EIDRM", "identifier removed"},
	44:  {44, "ECHRNG", "channel number out of range"},
	45:  {45, "EL2NSYNC", "level 2 not synchronized"},
	46:  {46, "EL3HLT", "level 3 halted"},
	47:  {47, "EL3RST", "level 3 reset"},
	48:  {48, "ELNRNG", "link number out of range"},
	49:  {49, "EUNATCH", "protocol driver not attached"},
	50:  {50, "ENOCSI", "no CSI structure available"},
	51:  {51, "EL2HLT", "level 2 halted"},
	52:  {52, "EBADE", "invalid exchange"},
	53:  {53, "EBADR", "invalid request descriptor"},
	54:  {54, "EXFULL", "exchange full"},
	55:  {55, "ENOANO", "no anode"},
	56:  {56, "EBADRQC", "invalid request code"},
	57:  {57, "EBADSLT", "invalid slot"},
	59:  {59, "EBFONT", "bad font file format"},
	60:  {60, "ENOSTR", "device not a stream"},
	61:  {61, "ENODATA", "no data available"},
	62:  {62, "ETIME", "timer expired"},
	63:  {63, "ENOSR", "out of streams resources"},
	64:  {64, "ENONET", "machine is not on the network"},
	65:  {65, "ENOPKG", "package not installed"},
	66:  {66, "EREMOTE", "object is remote"},
	67:  {67, "ENOLINK", "link has been severed"},
	68:  {68, "EADV", "advertise error"},
	69:  {69, "ESRMNT", "srmount error"},
	70:  {70, "ECOMM", "communication error on send"},
	71:  {71, "EPROTO", "protocol error"},
	72:  {72, "EMULTIHOP", "multihop attempted"},
	73:  {73, "EDOTDOT", "RFS specific error"},
	74:  {74, "EBADMSG", "not a data message, or bad checksum"},
	75:  {75, "EOVERFLOW", "value too large for its type"},
	76:  {76, "ENOTUNIQ", "name not unique on network"},
	77:  {77, "EBADFD", "file descriptor in bad state"},
	78:  {78, "EREMCHG", "remote address changed"},
	79:  {79, "ELIBACC", "cannot access a shared library"},
	80:  {80, "ELIBBAD", "corrupted shared library"},
	81:  {81, "ELIBSCN", ".lib section corrupted"},
	82:  {82, "ELIBMAX", "too many shared libraries"},
	83:  {83, "ELIBEXEC", "cannot execute a shared library"},
	84:  {84, "EILSEQ", "illegal byte sequence"},
	85:  {85, "ERESTART", "interrupted system call should be restarted"},
	86:  {86, "ESTRPIPE", "streams pipe error"},
	87:  {87, "EUSERS", "too many users"},
	88:  {88, "ENOTSOCK", "not a socket"},
	89:  {89, "EDESTADDRREQ", "destination address required"},
	90:  {90, "EMSGSIZE", "message too long"},
	91:  {91, "EPROTOTYPE", "wrong protocol for socket"},
	92:  {92, "ENOPROTOOPT", "protocol not available"},
	93:  {93, "EPROTONOSUPPORT", "protocol not supported"},
	94:  {94, "ESOCKTNOSUPPORT", "socket type not supported"},
	95:  {95, "EOPNOTSUPP", "operation not supported"},
	96:  {96, "EPFNOSUPPORT", "protocol family not supported"},
	97:  {97, "EAFNOSUPPORT", "address family not supported"},
	98:  {98, "EADDRINUSE", "address already in use"},
	99:  {99, "EADDRNOTAVAIL", "cannot assign requested address"},
	100: {100, "ENETDOWN", "network is down"},
	101: {101, "ENETUNREACH", "network is unreachable"},
	102: {102, "ENETRESET", "network dropped connection because of reset"},
	103: {103, "ECONNABORTED", "connection aborted by software"},
	104: {104, "ECONNRESET", "connection reset by peer"},
	105: {105, "ENOBUFS", "no buffer space available"},
	106: {106, "EISCONN", "already connected"},
	107: {107, "ENOTCONN", "not connected"},
	108: {108, "ESHUTDOWN", "cannot send after shutdown"},
	109: {109, "ETOOMANYREFS", "too many references"},
	110: {110, "ETIMEDOUT", "timed out"},
	111: {111, "ECONNREFUSED", "connection refused"},
	112: {112, "EHOSTDOWN", "host is down"},
	113: {113, "EHOSTUNREACH", "no route to host"},
	114: {114, "EALREADY", "operation already in progress"},
	115: {115, "EINPROGRESS", "operation now in progress"},
	116: {116, "ESTALE", "stale file handle"},
	117: {117, "EUCLEAN", "structure needs cleaning: the file system is damaged"},
	118: {118, "ENOTNAM", "not a XENIX named type file"},
	119: {119, "ENAVAIL", "no XENIX semaphores available"},
	120: {120, "EISNAM", "is a named type file"},
	121: {121, "EREMOTEIO", "remote I/O error"},
	122: {122, "EDQUOT", "quota exceeded"},
	123: {123, "ENOMEDIUM", "no medium found"},
	124: {124, "EMEDIUMTYPE", "wrong medium type"},
	125: {125, "ECANCELED", "operation canceled"},
	126: {126, "ENOKEY", "required key not available"},
	127: {127, "EKEYEXPIRED", "key has expired"},
	128: {128, "EKEYREVOKED", "key has been revoked"},
	129: {129, "EKEYREJECTED", "key was rejected by service"},
	130: {130, "EOWNERDEAD", "owner died"},
	131: {131, "ENOTRECOVERABLE", "state not recoverable"},
	132: {132, "ERFKILL", "not possible because of RF-kill"},
	133: {133, "EHWPOISON", "memory page has a hardware error"},
	512: {512, "ERESTARTSYS", "restart the system call after a signal"},
	513: {513, "ERESTARTNOINTR", "restart the system call always"},
	514: {514, "ERESTARTNOHAND", "restart the system call if no handler ran"},
	515: {515, "ENOIOCTLCMD", "no such ioctl command"},
	516: {516, "ERESTART_RESTARTBLOCK", "restart by restart_syscall()"},
	517: {517, "EPROBE_DEFER", "the driver asks to be probed again later"},
	518: {518, "EOPENSTALE", "open found a stale dentry"},
	519: {519, "ENOPARAM", "parameter not supported"},
	521: {521, "EBADHANDLE", "illegal NFS file handle"},
	522: {522, "ENOTSYNC", "update synchronization mismatch"},
	523: {523, "EBADCOOKIE", "cookie is stale"},
	524: {524, "ENOTSUPP", "operation is not supported"},
	525: {525, "ETOOSMALL", "buffer or request is too small"},
	526: {526, "ESERVERFAULT", "an untranslatable error occurred"},
	527: {527, "EBADTYPE", "type not supported by server"},
	528: {528, "EJUKEBOX", "request initiated, but will not complete before timeout"},
	529: {529, "EIOCBQUEUED", "I/O queued, completion will come later"},
	530: {530, "ERECALLCONFLICT", "conflict with recalled state"},
	531: {531, "ENOGRACE", "NFS file lock reclaim refused"},
}

// ownNumbers are architectures that number the errors above ERANGE in their own
// way.
var ownNumbers = map[string]bool{"mips": true, "alpha": true, "parisc": true, "sparc": true, "sparc64": true}

// errnoOf names error number n; ok is false where it has no name on arch.
func errnoOf(n int, arch string) (Errno, bool) {
	e, ok := errnos[n]
	return e, ok && (n <= 34 || n >= 512 || !ownNumbers[arch])
}

// errnoText writes error number n for people.
func errnoText(n int, arch string) string {
	if e, ok := errnoOf(n, arch); ok {
		return fmt.Sprintf("-%d, %s: %s", n, e.Name, e.Text)
	}
	if ownNumbers[arch] {
		return fmt.Sprintf("-%d, whose name differs on %s", n, arch)
	}
	return fmt.Sprintf("-%d", n)
}

// errnoWords are the words after which a negative number is an error number.
var errnoWords = []string{"error", "err", "errno", "returned", "returns", "ret", "rc", "failed", "status", "result", "code", "with", "="}

// errnosIn finds the error numbers in a message: "failed with error -110",
// "returned -22", "ret=-5", "probe failed (-19)".
func errnosIn(text, arch string) []Errno {
	var list []Errno
	for i := 0; i+1 < len(text) && len(list) < 4; i++ {
		if text[i] != '-' || text[i+1] < '1' || text[i+1] > '9' || i == 0 {
			continue
		}
		n, j := 0, i+1
		for ; j < len(text) && text[j] >= '0' && text[j] <= '9' && n <= maxErrno; j++ {
			n = n*10 + int(text[j]-'0')
		}
		if j < len(text) && strings.ContainsRune("_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-:%", rune(text[j])) || j+1 < len(text) && text[j] == '.' && text[j+1] >= '0' && text[j+1] <= '9' {
			continue
		}
		before := strings.ToLower(strings.TrimRight(text[:i], " (:,"))
		named := false
		for _, w := range errnoWords {
			if rest, ok := strings.CutSuffix(before, w); ok && (rest == "" || w == "=" || !isWordByte(rest[len(rest)-1])) {
				named = true
			}
		}
		if e, ok := errnoOf(n, arch); ok && named {
			list = append(list, e)
		}
		i = j - 1
	}
	return list
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_'
}
