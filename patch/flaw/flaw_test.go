package flaw

import (
	"strconv"
	"strings"
	"testing"

	"ringside/patch/csource"
)

// Each rule has code that has the flaw and code that looks like it and has not. What is
// wanted is the rule with the line, counted from the function's first.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		name, src, want string
	}{
		{"unlock missing on an error", `int f(struct foo *p)
{
	mutex_lock(&p->lock);
	if (g(p)) {
		return -EINVAL;
	}
	mutex_unlock(&p->lock);
	return 0;
}`, "missing-unlock:5"},
		{"unlock by a label", `int f(struct foo *p)
{
	int ret = 0;
	mutex_lock(&p->lock);
	if (g(p)) {
		ret = -EINVAL;
		goto out;
	}
	h(p);
out:
	mutex_unlock(&p->lock);
	return ret;
}`, ""},
		{"goto past the unlock", `int f(struct foo *p)
{
	int ret;
	spin_lock(&p->lock);
	ret = g(p->x);
	if (ret)
		goto out;
	spin_unlock(&p->lock);
	return 0;
out:
	return ret;
}`, "missing-unlock:11"},
		{"lock and unlock under the same condition", `int f(struct foo *p, int have)
{
	int ret;
	if (!have)
		mutex_lock(&p->lock);
	ret = g(p);
	if (ret)
		goto out;
	h(p);
out:
	if (!have)
		mutex_unlock(&p->lock);
	return ret;
}`, ""},
		{"a lock that may not be had", `int f(struct foo *p)
{
	int ret = mutex_lock_interruptible(&p->lock);
	if (ret)
		return ret;
	mutex_unlock(&p->lock);
	return 0;
}`, ""},
		{"a lock that is tried", `int f(struct foo *p)
{
	if (!mutex_trylock(&p->lock))
		return -EBUSY;
	if (p->dead)
		return -ENODEV;
	mutex_unlock(&p->lock);
	return 0;
}`, "missing-unlock:6"},
		{"made to return with the lock", `int f(struct foo *p)
{
	mutex_lock(&p->lock);
	if (p->dead) {
		mutex_unlock(&p->lock);
		return -ENODEV;
	}
	return 0;
}`, ""},
		{"unlocked twice", `int f(struct foo *p)
{
	int ret;
	mutex_lock(&p->lock);
	ret = g();
	mutex_unlock(&p->lock);
	if (ret)
		goto out;
	mutex_lock(&p->lock);
	ret = h();
out:
	mutex_unlock(&p->lock);
	return ret;
}`, "double-unlock:12"},
		{"locked twice", `int f(struct foo *p)
{
	spin_lock(&p->lock);
	if (p->x)
		spin_lock(&p->lock);
	spin_unlock(&p->lock);
	return 0;
}`, "double-lock:5"},
		{"locked again after a function that may have unlocked", `int f(struct foo *p)
{
	spin_lock(&p->lock);
	wait_for_it(p);
	spin_lock(&p->lock);
	spin_unlock(&p->lock);
	return 0;
}`, ""},
		{"allocation under a spinlock", `int f(struct foo *p)
{
	void *x;
	spin_lock(&p->lock);
	p->x = kmalloc(4, GFP_KERNEL);
	spin_unlock(&p->lock);
	return p->x ? 0 : -ENOMEM;
}`, "sleep-in-atomic:5"},
		{"atomic allocation, and a sleep after it", `int f(struct foo *p)
{
	spin_lock(&p->lock);
	p->x = kmalloc(4, GFP_ATOMIC);
	spin_unlock(&p->lock);
	msleep(1);
	return p->x ? 0 : -ENOMEM;
}`, ""},
		{"a function of the file that sleeps", `int f(struct foo *p)
{
	rcu_read_lock();
	g(p);
	rcu_read_unlock();
	return 0;
}
static void g(struct foo *p)
{
	mutex_lock(&p->lock);
	mutex_unlock(&p->lock);
}`, "sleep-in-atomic:4"},
		{"leak", `int f(void)
{
	char *p = kmalloc(4, GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if (g(p)) {
		return -EIO;
	}
	kfree(p);
	return 0;
}`, "leak:7"},
		{"leak without a free anywhere", `int f(struct foo *x)
{
	char *p = kmalloc(4, GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if (!x->ok)
		return -EIO;
	x->p = p;
	return 0;
}`, "leak:7"},
		{"debugfs_lookup without a put", `void f(void)
{
	debugfs_remove(debugfs_lookup("x", NULL));
}`, "refcount-leak:3"},
		{"no leak: it is kept", `int f(struct foo *x)
{
	char *p = kmalloc(4, GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if (!x->ok) {
		kfree(p);
		return -EIO;
	}
	x->p = p;
	if (g(x))
		return -EIO;
	return 0;
}`, ""},
		{"no leak: freed at the end of its scope", `int f(void)
{
	char *p __free(kfree) = kmalloc(4, GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if (g())
		return -EIO;
	kfree(no_free_ptr(p));
	return 0;
}`, ""},
		{"clock stays on", `int f(struct foo *p)
{
	int ret = clk_prepare_enable(p->clk);
	if (ret)
		return ret;
	ret = g(p);
	if (ret)
		return ret;
	ret = h(p);
	if (ret)
		goto off;
	return 0;
off:
	clk_disable_unprepare(p->clk);
	return ret;
}`, "missing-undo:8"},
		{"clock is turned off", `int f(struct foo *p)
{
	int ret = clk_prepare_enable(p->clk);
	if (ret)
		return ret;
	ret = g(p);
	if (ret)
		goto off;
	return 0;
off:
	clk_disable_unprepare(p->clk);
	return ret;
}`, ""},
		{"node is not put", `int f(void)
{
	struct device_node *np = of_find_node_by_name(NULL, "x");
	if (!np)
		return -ENODEV;
	if (of_property_read_u32(np, "reg", &x))
		return -EINVAL;
	of_node_put(np);
	return 0;
}`, "refcount-leak:7"},
		{"node is put", `int f(void)
{
	struct device_node *np = of_find_node_by_name(NULL, "x");
	int ret;
	if (!np)
		return -ENODEV;
	ret = of_property_read_u32(np, "reg", &x);
	of_node_put(np);
	return ret;
}`, ""},
		{"device is not put", `int f(struct foo *p)
{
	get_device(p->dev);
	if (g(p))
		return -EIO;
	if (h(p)) {
		put_device(p->dev);
		return -EIO;
	}
	return 0;
}`, "refcount-leak:5"},
		{"loop is left with a reference", `int f(struct device_node *np)
{
	struct device_node *child;
	for_each_child_of_node(np, child) {
		if (g(child))
			return -EIO;
	}
	return 0;
}`, "iterator-leak:6"},
		{"loop is left after a put, or with the node", `struct device_node *f(struct device_node *np)
{
	struct device_node *child;
	for_each_child_of_node(np, child) {
		if (g(child)) {
			of_node_put(child);
			return NULL;
		}
		if (h(child))
			return child;
	}
	return NULL;
}`, ""},
		{"allocation is not checked", `int f(struct foo *x)
{
	x->p = kzalloc(4, GFP_KERNEL);
	x->p->a = 1;
	return 0;
}`, "unchecked-alloc:4"},
		{"allocation is kept, and nobody asks", `int f(struct foo *x)
{
	x->name = kstrdup("x", GFP_KERNEL);
	x->more = kstrdup("y", GFP_KERNEL);
	if (!x->more)
		return -ENOMEM;
	return 0;
}`, "unchecked-alloc:3"},
		{"allocation is checked, or cannot fail", `int f(struct foo *x, struct foo *y)
{
	x->p = kzalloc(4, GFP_KERNEL);
	if (x->p)
		x->p->a = 1;
	y->p = kzalloc(4, GFP_KERNEL | __GFP_NOFAIL);
	y->p->a = 1;
	return 0;
}`, ""},
		{"used after it was freed", `int f(struct foo *p)
{
	kfree(p);
	return p->x;
}`, "use-after-free:4"},
		{"freed and set anew", `int f(struct foo *p)
{
	kfree(p->x);
	p->x = g();
	p->x->a = 1;
	kfree(p->x);
	p->x = NULL;
	return 0;
}`, ""},
		{"freed twice", `int f(struct foo *p, int a)
{
	if (a)
		kfree(p->x);
	if (g())
		kfree(p->x);
	return 0;
}`, "double-free:6"},
		{"freed on one of two branches", `int f(struct foo *p, int a)
{
	if (a) {
		kfree(p->x);
		return 0;
	}
	kfree(p->x);
	return 0;
}`, ""},
		{"loop frees where it stands", `int f(struct foo *p)
{
	struct item *i;
	list_for_each_entry(i, &p->list, node) {
		list_del(&i->node);
		kfree(i);
	}
	return 0;
}`, "freed-cursor:6"},
		{"safe loop, and one that ends there", `int f(struct foo *p)
{
	struct item *i, *n;
	list_for_each_entry_safe(i, n, &p->list, node)
		kfree(i);
	list_for_each_entry(i, &p->list, node) {
		if (i->x) {
			kfree(i);
			break;
		}
	}
	return 0;
}`, ""},
		{"followed after rcu_read_unlock", `int f(struct foo *p)
{
	struct bar *b;
	rcu_read_lock();
	b = rcu_dereference(p->bar);
	rcu_read_unlock();
	return b->x;
}`, "use-after-rcu:7"},
		{"fetched without the lock", `int f(struct foo *p)
{
	struct bar *b;
	rcu_read_lock();
	if (!rcu_dereference(p->bar)) {
		rcu_read_unlock();
		return -ENOENT;
	}
	rcu_read_unlock();
	b = rcu_dereference(p->bar);
	return g(b);
}`, "rcu-unlocked:10"},
		{"fetched under the caller's lock", `int f(struct foo *p)
{
	struct bar *b = rcu_dereference(p->bar);
	rcu_read_unlock();
	g();
	rcu_read_lock();
	return rcu_dereference(p->bar) == b;
}`, ""},
		{"followed with a reference", `int f(struct foo *p)
{
	struct bar *b;
	rcu_read_lock();
	b = rcu_dereference(p->bar);
	if (b && !refcount_inc_not_zero(&b->ref))
		b = NULL;
	rcu_read_unlock();
	return b ? b->x : 0;
}`, ""},
		{"pointer of user space", `int f(struct foo __user *p)
{
	if (p->x == 1)
		return 1;
	return 0;
}`, "user-pointer:3"},
		{"pointer of user space, as it should be", `int f(struct foo __user *p, int __user *q)
{
	int x;
	if (get_user(x, &p->x) || put_user(x, &p->y) || get_user(x, q))
		return -EFAULT;
	return copy_to_user(p->buf, &x, sizeof(p->buf));
}`, ""},
		{"size of a pointer", `int f(struct foo *p)
{
	struct bar *b = kzalloc(sizeof(b), GFP_KERNEL);
	memset(p, 0, sizeof(p));
	return use(b);
}`, "sizeof-pointer:3 sizeof-pointer:4"},
		{"size of what it leads to, and of an array", `int f(struct foo *p)
{
	char buf[4];
	struct bar *b = kzalloc(sizeof(*b), GFP_KERNEL);
	memset(buf, 0, sizeof(buf));
	memset(p, 0, sizeof(*p));
	return use(b);
}`, ""},
		{"snprintf added up", `int f(char *buf, int size)
{
	int i, n = 0;
	for (i = 0; i < 4; i++)
		n += snprintf(buf + n, size - n, "%d", i);
	return n;
}`, "snprintf-length:5"},
		{"snprintf added up with a look at it, scnprintf", `int f(char *buf, int size)
{
	int i, n = 0, m = 0;
	for (i = 0; i < 4 && n < size; i++)
		n += snprintf(buf + n, size - n, "%d", i);
	m += scnprintf(buf + m, size - m, "x");
	return n;
}`, ""},
		{"error pointer asked for NULL", `int f(struct foo *p)
{
	struct clk *c = clk_get(p->dev, NULL);
	if (!c)
		return -ENODEV;
	p->p = kmalloc(4, GFP_KERNEL);
	if (IS_ERR(p->p))
		return -ENOMEM;
	return 0;
}`, "err-ptr-mixup:4 err-ptr-mixup:7"},
		{"error pointer asked as it should be", `int f(struct foo *p)
{
	struct clk *c = clk_get(p->dev, NULL);
	if (IS_ERR(c))
		return PTR_ERR(c);
	p->p = kmalloc(4, GFP_KERNEL);
	if (!p->p)
		return -ENOMEM;
	return 0;
}`, ""},
	} {
		list, _ := File(csource.Parse(tt.src))
		var got []string
		for _, f := range list {
			got = append(got, f.Rule+":"+strconv.Itoa(f.Line))
			if RuleByID(f.Rule).Title == "" {
				t.Errorf("%s: the rule %s is not among the rules", tt.name, f.Rule)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q (%v)", tt.name, strings.Join(got, " "), tt.want, list)
		}
	}
}

// A flaw that was there before a change is not the change's.
func TestNew(t *testing.T) {
	old := `int f(struct foo *p)
{
	mutex_lock(&p->lock);
	if (a(p))
		return -EINVAL;
	mutex_unlock(&p->lock);
	return 0;
}
`
	again := strings.Replace(old, "	if (a(p))", "	prepare(p);\n	if (a(p))", 1)
	more := strings.Replace(old, "	mutex_unlock", "	if (b(p))\n		return -EIO;\n	mutex_unlock", 1)
	for _, tt := range []struct {
		name, before, after string
		want                int
	}{
		{"the same elsewhere", old, again, 0},
		{"one more", old, more, 1},
		{"a new file", "", old, 1},
	} {
		var before *csource.File
		if tt.before != "" {
			before = csource.Parse(tt.before)
		}
		if list, _ := New(before, csource.Parse(tt.after), nil); len(list) != tt.want {
			t.Errorf("%s: %d findings, want %d: %v", tt.name, len(list), tt.want, list)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("int f(struct foo *p)\n{\n\tspin_lock(&p->l);\n\tif (kmalloc(1, GFP_KERNEL))\n\t\treturn -1;\n\tspin_unlock(&p->l);\n\treturn 0;\n}\n")
	f.Add("int f(void)\n{\n\tfor_each_child_of_node(a, b) { if (b) goto x; kfree(b->c); }\nx:\n\treturn b->c;\n}\n")
	f.Add("int f(int a)\n{\n\twhile (a--) { switch (a) { case 1: rcu_read_lock(); p = rcu_dereference(q); } }\n}\n")
	f.Fuzz(func(t *testing.T, src string) {
		for _, x := range first(File(csource.Parse(src))) {
			if x.Line < 1 || x.Rule == "" || x.Text == "" {
				t.Errorf("%+v", x)
			}
		}
	})
}

func first(list []Finding, _ []string) []Finding { return list }
