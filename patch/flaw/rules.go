package flaw

import "slices"

// Rules gives all rules.
func Rules() []Rule { return slices.Clone(rules) }

// RuleByID gives the rule with a name; an empty one if there is none.
func RuleByID(id string) Rule {
	for i := range rules {
		if rules[i].ID == id {
			return rules[i]
		}
	}
	return Rule{ID: id}
}

// Sure is from findings in 6.1's kernel, mm, fs, net and ten folders of drivers that
// were looked at by hand, at most eighteen for a rule, and from OpenWrt's patches; it is 60
// where there were fewer than three.
var rules = []Rule{
	{ID: "missing-unlock", Title: "a path returns with a lock held", Hint: "unlock before the return, or go to the label that does", Source: "Documentation/locking", Sure: 78},
	{ID: "double-unlock", Title: "a lock is given back twice", Hint: "one of the two unlocks goes", Source: "Documentation/locking", Sure: 60},
	{ID: "double-lock", Title: "a lock is taken that is held", Hint: "it deadlocks: unlock first, or call a variant for holders", Source: "Documentation/locking", Sure: 60},
	{ID: "sleep-in-atomic", Title: "a sleep where none may be", Hint: "GFP_ATOMIC, or do it before the lock is taken", Source: "Documentation/kernel-hacking/hacking.rst", Sure: 89},
	{ID: "leak", Title: "memory is not freed on an error path", Hint: "free it before the return, or go to the label that does", Source: "Documentation/process/coding-style.rst, 7", Sure: 71},
	{ID: "missing-undo", Title: "an error path does not undo what others undo", Hint: "go to the label that undoes it", Source: "Documentation/process/coding-style.rst, 7", Sure: 75},
	{ID: "refcount-leak", Title: "a reference is not put", Hint: "put it on this path, too", Source: "Documentation/driver-api/driver-model; the of_*() functions' comments", Sure: 89},
	{ID: "iterator-leak", Title: "a loop is left without a put", Hint: "put the loop's variable before the loop is left", Source: "the comments of for_each_child_of_node() and its like", Sure: 78},
	{ID: "unchecked-alloc", Title: "an allocation is not checked", Hint: "return -ENOMEM where it gives NULL", Source: "Documentation/process/submit-checklist.rst", Sure: 75},
	{ID: "use-after-free", Title: "memory is used after it was freed", Hint: "take what is needed before, or free later", Source: "Documentation/process/coding-style.rst, 11", Sure: 80},
	{ID: "double-free", Title: "memory is freed twice", Hint: "one of the two frees goes, or set the pointer to NULL", Source: "Documentation/process/coding-style.rst, 7", Sure: 60},
	{ID: "freed-cursor", Title: "a loop over a list frees what it stands on", Hint: "the _safe variant of the macro", Source: "include/linux/list.h", Sure: 60},
	{ID: "use-after-rcu", Title: "a pointer is followed after rcu_read_unlock()", Hint: "unlock later, or take a reference before", Source: "Documentation/RCU/checklist.rst, 2", Sure: 70},
	{ID: "rcu-unlocked", Title: "rcu_dereference() without the read lock", Hint: "rcu_read_lock() before, or rcu_dereference_protected() with the lock that is held", Source: "Documentation/RCU/checklist.rst, 2", Sure: 60},
	{ID: "user-pointer", Title: "a pointer of user space is followed", Hint: "copy_from_user(), get_user()", Source: "Documentation/kernel-hacking/hacking.rst", Sure: 60},
	{ID: "sizeof-pointer", Title: "the size of a pointer instead of what it leads to", Hint: "sizeof(*p)", Source: "Documentation/process/coding-style.rst, 14", Sure: 60},
	{ID: "snprintf-length", Title: "the return value of snprintf() is taken for a length", Hint: "scnprintf() or seq_buf", Source: "Documentation/process/deprecated.rst; lib/vsprintf.c", Sure: 90},
	{ID: "err-ptr-mixup", Title: "NULL and error pointers are mixed up", Hint: "ask what the function gives", Source: "include/linux/err.h", Sure: 75},
}
