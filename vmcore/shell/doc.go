// Package shell answers questions about a dump in a language that those who know
// crash can type without thinking, and that needs no offsets.
//
//	sh := shell.New(k, shell.Options{})
//	err := sh.Run(ctx, `tasks | where state=D && waited>10 | stack`, os.Stdout)
//
// A line is a command (bt, ps, struct, rd …: "help" lists them) or a pipeline.
// Commands that list things make a table; the stages after a | filter it, choose
// and order its columns, count its rows, or print the stacks of its tasks.
//
// # Expressions
//
// Expressions are C's, over the dump's own types:
//
//	init_task.mm->pgd
//	((struct task_struct *)0xffff8ce2801e5040)->comm
//	current->signal->nr_threads * 2
//	runqueues:0.nr_running
//
// A name is a column of the row, a member of the row's object, a variable, or a
// constant of an enum. NULL has members that are NULL; what is not in the dump is
// an error that names the address. "." and "->" mean the same. = compares, as ==
// does, and ~ matches a regular expression; a text needs no quotes to the right
// of them. Of most variables no BTF tells the type: they are numbers as long as a
// pointer until a cast says better.
//
// Errors of an expression are an *[ExprError] with the column.
package shell
