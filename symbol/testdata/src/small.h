/* Functions that the compiler inlines, two deep. */
struct thing {
	int count;
	struct thing *next;
};

static inline __attribute__((always_inline)) int thing_count(const struct thing *t)
{
	return *(volatile const int *)&t->count;
}

static inline __attribute__((always_inline)) int thing_next_count(const struct thing *t)
{
	return thing_count(t->next) + 1;
}
