package filter

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

const (
	// ipcMessages is IPC_MSG_IDS, the place of message queues in a namespace.
	ipcMessages = 1
	// maxMessages bounds the messages of all queues.
	maxMessages = 1_000_000
)

// redactMessages overwrites the messages that wait in System V's and POSIX's
// queues, in the namespaces of all tasks.
func (r *redactor) redactMessages() error {
	if r.k.SizeOf("struct msg_msg") == 0 {
		return nil // a kernel without
	}
	spaces := map[uint64]kernel.Value{}
	add := func(v kernel.Value) {
		if v.Valid() {
			spaces[v.Addr()] = v
		}
	}
	add(r.global("init_ipc_ns", "struct ipc_namespace"))
	for t := range object.Tasks(r.w) {
		if proxy := t.Value.Field("nsproxy").Deref(); proxy.Valid() { // an exiting task has none
			add(proxy.Field("ipc_ns").Deref())
		}
	}
	if len(spaces) == 0 {
		r.undecided("no namespace of message queues was found: messages were kept")
	}
	left := maxMessages
	for _, ns := range spaces {
		r.systemV(ns, &left)
		if ns.Has("mq_mnt") && r.k.SizeOf("struct mqueue_inode_info") > 0 {
			r.posix(ns, &left)
		}
	}
	if left <= 0 {
		r.undecided("there are more than %d messages in queues: the others were kept", maxMessages)
	}
	return nil
}

func (r *redactor) systemV(ns kernel.Value, left *int) {
	for _, at := range r.w.XArray(ns.Field("ids").Index(ipcMessages).Field("ipcs_idr")) {
		queue := r.w.At("struct kern_ipc_perm", at).Container("struct msg_queue", "q_perm")
		r.messages(queue.Field("q_messages"), left)
	}
}

func (r *redactor) posix(ns kernel.Value, left *int) {
	inodes := ns.Field("mq_mnt").Deref().Field("mnt_sb").Deref().Field("s_inodes")
	for inode := range r.w.List(inodes, "struct inode", "i_sb_list") {
		queue := inode.Container("struct mqueue_inode_info", "vfs_inode")
		for node := range r.w.RBTree(queue.Field("msg_tree"), "struct posix_msg_tree_node", "rb_node") {
			r.messages(node.Field("msg_list"), left)
		}
	}
}

// messages overwrites a list of them. What does not fit the first piece of one is
// in a chain of others, each behind its link.
func (r *redactor) messages(list kernel.Value, left *int) {
	for m := range r.w.List(list, "struct msg_msg", "m_list") {
		if *left--; *left < 0 {
			return
		}
		r.behind(m.Addr(), uint64(m.Size()))
		for piece := range r.w.Chain(m.Field("next").Deref(), "next") {
			r.behind(piece.Addr(), uint64(piece.Size()))
		}
	}
}

// behind overwrites the rest of an object behind its head.
func (r *redactor) behind(at, head uint64) {
	if start, size, ok := r.slabs.Find(at); ok && start == at && size > head {
		r.wipe("messages in queues", at+head, size-head)
	}
}
