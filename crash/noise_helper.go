package crash

// helperFamilies do something small for their caller, with what it hands them.
var helperFamilies = []family{
	{roleBytes, "moves, fills or compares bytes (lib/string.c, arch/*/lib)", `
		memcpy* __memcpy* memmove* __memmove* memset* __memset* memcmp* __memcmp* memchr* memscan memzero_explicit bcmp bcopy
		strlen* strnlen* strcpy* strncpy* strlcpy* strscpy* sized_str* strcat* strncat* strlcat* strcmp* strncmp* strcasecmp*
		strncasecmp* strchr* strrchr* strnchr* strstr* strnstr* strcspn strspn strpbrk strsep strim strreplace skip_spaces
		__pi_mem* __pi_str* rep_movs* rep_stos* read_word_at_a_time clear_page* copy_page copy_page_* __arch_clear_user copy_highpage
		copy_user_highpage* clear_highpage* clear_huge_page copy_mc_*`},
	{roleBytes, "formats text (lib/vsprintf.c, kernel/printk)", `
		string string_nocheck vsnprintf snprintf vsprintf sprintf scnprintf vscnprintf vsscanf sscanf pointer format_decode number
		symbol_string ptr_to_id default_pointer hex_string printk _printk vprintk* printk_sprint msg_print_text
		printk_get_* hex_dump_to_buffer print_hex_dump* seq_printf seq_vprintf seq_puts seq_write seq_putc add_uevent_var dev_printk* __dev_printk dev_vprintk*
		_dev_* __dynamic_* netdev_printk __netdev_printk`},
	{roleBytes, "copies between kernel and user space (lib/usercopy.c, lib/iov_iter.c)", `
		*copy_to_user* *copy_from_user* *copy_in_user* copy_user_* __copy_user* __arch_copy_* copyin copyout copyin_* copyout_*
		clear_user* __clear_user __get_user* __put_user* get_user* put_user* fault_in_* strndup_user strncpy_from_* strnlen_user
		_copy_to_iter* _copy_from_iter* copy_to_iter* copy_from_iter* copy_page_to_iter* copy_page_from_iter* copy_folio_*_iter*
		simple_copy_to_iter iov_iter_* import_iovec __import_iovec import_single_range memcpy_to_iter memcpy_from_iter copy_from_kernel_nofault
		copy_to_kernel_nofault probe_kernel_read probe_kernel_write __probe_kernel_* copy_from_sockptr* copy_to_sockptr*`},
	{roleBytes, "reads or writes a device register (arch/*/include/asm/io.h, lib/logic_pio.c, lib/iomap.c)", `
		__raw_read* __raw_write* readb readw readl readq writeb writew writel writeq readb_* readw_* readl_* readq_* writel_* writeb_*
		inb inw inl outb outw outl inb_p outb_p logic_in* logic_out* ioread8* ioread16* ioread32* ioread64* iowrite8* iowrite16* iowrite32* iowrite64*
		memcpy_fromio memcpy_toio memset_io __memcpy_fromio __memcpy_toio __memset_io __ioread* __iowrite*`},
	{roleBytes, "sums bytes (lib/crc*, lib/checksum.c)", `
		crc32* crc16* crc_itu_t* crc_ccitt* crc_t10dif* crc64* __crc32* crc7* crc8* csum_* do_csum csum_partial* ip_compute_csum ip_fast_csum adler32`},
	{roleData, "is a bit, a counter or an atomic", `
		find_*_bit _find_* find_next_* find_first_* find_last_* test_bit* test_and_* set_bit* clear_bit* change_bit* arch_test_* arch_set_bit
		arch_clear_bit arch_atomic* atomic_* atomic64_* raw_atomic* _atomic_dec_and_* instrument_* __bitmap_* bitmap_* __read_once* __write_once*
		percpu_counter_* __percpu_counter*`},
	{roleData, "walks or changes a data structure of its caller's (lib/)", `
		rb_* __rb_* idr_* ida_* radix_tree_* __radix_* xa_* xas_* __xa_* mas_* mtree_* mt_* llist_* klist_* list_sort* list_lru_* sort sort_r
		bsearch plist_* interval_tree_* sbitmap_* __sbitmap_* kfifo_* __kfifo_* assoc_array_* timerqueue_iterate_* rht_* __rht_* flex_array_* genradix_* __genradix_*`},
	{roleData, "walks the page cache for a mapping's owner (mm/filemap.c, mm/truncate.c)", `
		find_get_pages* find_get_entr* find_lock_entr* filemap_get_folios* filemap_get_entry* find_get_page* pagevec_lookup* truncate_inode_pages*
		truncate_inode_partial_folio truncate_pagecache* truncate_setsize invalidate_mapping_pages* invalidate_inode_pages2* folio_unlock unlock_page
		end_page_writeback folio_end_writeback mark_buffer_dirty* __brelse brelse __bforget __set_page_dirty* folio_mark_dirty* set_page_dirty*`},
	{roleAlloc, "is the slab allocator (mm/slub.c, mm/slab.c, mm/slab_common.c, mm/util.c)", `
		kmalloc* __kmalloc* __do_kmalloc* ___kmalloc* krealloc* __krealloc* kvmalloc* __kvmalloc* kvrealloc* kzalloc* kcalloc* kvcalloc* kvzalloc*
		kfree kfree_const kfree_sensitive __kfree kvfree kvfree_sensitive kzfree* kmem_cache_* __kmem_cache_* kmem_* ksize __ksize slab_* __slab_* ___slab_* slub_* do_slab_free
		cache_alloc* cache_grow* cache_free* cache_flusharray cache_from_obj cache_reap ___cache_* __cache_* ____cache_* memcg_slab* memcg_alloc* new_slab* allocate_slab* get_partial*
		free_to_partial_list __unfreeze_partials put_cpu_partial* unpoison_slab_object poison_slab_object poison_kmalloc*
		alloc_slab_obj_exts* alloc_tagging_slab* free_large_kmalloc* kmemdup* kstrdup* kstrndup* kmemdup_nul memdup_user* kasprintf kvasprintf*
		mempool_* devm_k* devres_* release_nodes fallback_alloc __alloc_object*`},
	{roleAlloc, "is the page allocator (mm/page_alloc.c, mm/mempolicy.c, mm/swap.c)", `
		__alloc_pages* alloc_pages* __alloc_frozen_pages* alloc_frozen_pages* get_page_from_freelist* prep_new_page* post_alloc_hook alloc_page alloc_page_*
		__get_free_page* get_zeroed_page free_pages* __free_pages* free_unref_* free_pcp* free_frozen* free_one_page free_page_is_bad
		bad_page* check_new_page* free_pages_prepare free_page_and_swap_cache free_swap_cache __folio_put* folio_put* folios_put* release_pages* __put_page* put_page __put_compound_page __page_cache_release
		__alloc_slowpath* alloc_slab_page zone_watermark* __zone_watermark* folio_alloc* __folio_alloc* vma_alloc_folio* alloc_anon_folio
		alloc_pages_mpol* page_frag_* __page_frag_* page_pool_put_* page_pool_release_page* out_of_memory oom_kill_process __oom_kill_process
		select_bad_process mem_cgroup_out_of_memory pagefault_out_of_memory try_charge* mem_cgroup_charge* __mem_cgroup_charge charge_memcg
		mem_cgroup_oom* mem_cgroup_try_charge* obj_cgroup_charge* __memcg_kmem_charge*`},
	{roleAlloc, "is vmalloc, per-CPU memory or a page table (mm/vmalloc.c, mm/percpu.c)", `
		vmalloc* __vmalloc* vzalloc* vfree* __vfree* vunmap __vunmap remove_vm_area alloc_vmap* __get_vm_area* module_alloc execmem_alloc
		percpu_alloc* pcpu_* __alloc_percpu* alloc_percpu* free_percpu* dma_alloc_* dma_free_* dma_pool_*`},
	{roleObject, "makes, clones or frees a packet or socket (net/core/skbuff.c, net/core/sock.c)", `
		__alloc_skb alloc_skb* __netdev_alloc_skb* netdev_alloc_skb* napi_alloc_skb* __napi_alloc_skb* dev_alloc_skb __dev_alloc_skb build_skb* __build_skb*
		kmalloc_reserve* __kmalloc_reserve* sock_alloc_send_* sock_wmalloc sk_stream_alloc_skb __sk_dst_* kfree_skb* __kfree_skb* consume_skb __consume_* kfree_skbmem
		skb_free_head skb_release_* sk_skb_reason_drop dev_kfree_skb* __dev_kfree_skb* dev_consume_skb* napi_consume_skb skb_queue_purge* __skb_queue_purge* skb_queue_tail
		skb_queue_head skb_dequeue* __skb_dequeue* skb_unlink __skb_unlink skb_push skb_put __skb_put pskb_put skb_pull* __skb_pull* skb_trim ___pskb_trim __pskb_pull_tail pskb_expand_head
		skb_copy* __skb_copy* skb_clone* __skb_clone skb_header_pointer __skb_header_pointer sock_wfree sock_rfree sk_prot_alloc sk_alloc sk_free __sk_free sk_destruct __sk_destruct sk_prot_free sock_put sock_hold
		sk_clone* sock_alloc_inode`},
	{roleObject, "counts the users of an inode, dentry, file or superblock (fs/inode.c, fs/dcache.c, fs/libfs.c)", `
		iput iput_final ihold igrab drop_nlink inc_nlink clear_nlink set_nlink inode_dec_link_count inode_inc_link_count inode_add_lru
		dput dget dget_parent fast_dput lockref_* fput __fput_sync mntput mntput_no_expire mntget path_put path_get __iget`},
	{roleObject, "sets up or tears down a perf event for its owner (kernel/events/core.c, kernel/trace/trace_event_perf.c)", `
		perf_tp_event_init perf_try_init_event perf_init_event perf_event_alloc perf_trace_init perf_trace_destroy tp_perf_event_destroy
		_free_event free_event __free_event inherit_event inherit_group inherit_task_group`},
	{roleObject, "hands a request to the USB host controller (drivers/usb/core/urb.c, message.c, hcd.c)", `
		usb_submit_urb usb_kill_urb usb_poison_urb usb_unlink_urb usb_free_urb usb_get_urb usb_put_urb usb_alloc_urb usb_init_urb usb_anchor_urb usb_unanchor_urb
		usb_kill_anchored_urbs usb_poison_anchored_urbs usb_scuttle_anchored_urbs usb_alloc_coherent usb_free_coherent usb_hcd_submit_urb usb_hcd_unlink_urb
		usb_control_msg* usb_bulk_msg usb_interrupt_msg usb_start_wait_urb usb_internal_control_msg usb_pipe_type_check usb_urb_ep_type_check`},
	{roleDevice, "is the device model (lib/kobject.c, drivers/base, fs/sysfs)", `
		kobject_* __kobject_* kset_* sysfs_* __sysfs_* dpm_sysfs_* internal_create_group* remove_files create_dir device_add device_add_attrs device_add_groups
		device_del device_register device_unregister device_create* device_destroy device_release device_initialize device_remove_*
		device_for_each_child* put_device get_device get_device_parent bus_add_device bus_remove_device cdev_device_add cdev_device_del cdev_add cdev_del cdev_put
		__device_attach* device_attach device_initial_probe bus_probe_device bus_for_each_drv bus_for_each_dev driver_probe_device
		__driver_probe_device really_probe call_driver_probe __device_release_driver device_release_driver* driver_detach
		platform_device_add platform_device_del platform_device_register* platform_device_unregister devm_* class_dev_* misc_deregister
		proc_register proc_create* proc_mkdir* remove_proc_entry remove_proc_subtree proc_remove _proc_mkdir pde_subdir_*`},
	{roleDevice, "unregisters a device of a class for its driver (net/core/dev.c and the cores of other classes)", `
		unregister_netdevice* rollback_registered* unregister_netdev tty_unregister_device tty_port_unregister_device hwrng_unregister
		i2c_del_adapter i2c_unregister_device __unregister_client __unregister_dummy spi_unregister_device spi_unregister_controller`},
}
