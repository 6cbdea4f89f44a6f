package flaw

import "strings"

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// nullOnFailure are functions that give NULL where they fail.
var nullOnFailure = set(`kmalloc kzalloc kcalloc kmalloc_array kzalloc_node kmalloc_node kcalloc_node krealloc krealloc_array
	kvmalloc kvzalloc kvcalloc kvmalloc_array kvmalloc_node kvzalloc_node vmalloc vzalloc vmalloc_user vmalloc_node vzalloc_node
	kmem_cache_alloc kmem_cache_zalloc kmem_cache_alloc_node kmem_cache_create mempool_create_kmalloc_pool
	kstrdup kstrndup kmemdup kmemdup_nul kasprintf kvasprintf devm_kzalloc devm_kmalloc devm_kcalloc devm_kmalloc_array
	devm_kstrdup devm_kasprintf devm_kmemdup alloc_page alloc_pages alloc_skb dev_alloc_skb netdev_alloc_skb
	netdev_alloc_skb_ip_align nlmsg_new genlmsg_new skb_clone skb_copy alloc_etherdev alloc_etherdev_mqs alloc_netdev
	alloc_netdev_mqs dma_alloc_coherent dmam_alloc_coherent dma_pool_alloc dma_pool_create pci_alloc_consistent
	alloc_workqueue alloc_ordered_workqueue create_singlethread_workqueue ioremap ioremap_wc ioremap_np of_iomap
	devm_ioremap pci_iomap pci_ioremap_bar usb_alloc_urb usb_alloc_coherent input_allocate_device platform_device_alloc
	bio_alloc_bioset bio_alloc_clone alloc_percpu __alloc_percpu alloc_percpu_gfp alloc_disk
	of_find_node_by_name of_find_node_by_path of_find_compatible_node of_find_matching_node of_get_child_by_name
	of_get_parent of_get_next_child of_parse_phandle of_find_node_by_phandle of_find_device_by_node of_get_property
	platform_get_resource get_zeroed_page __get_free_page __get_free_pages acpi_evaluate_dsm spi_alloc_master
	scsi_host_alloc rdma_zalloc_drv_obj snd_kcontrol_new1 bitmap_zalloc bitmap_alloc`)

// unchecked are those of them that fail when memory is short: following their value without
// a look at it is a flaw.
var unchecked = set(`kmalloc kzalloc kcalloc kmalloc_array kzalloc_node kmalloc_node kvmalloc kvzalloc kvcalloc kvmalloc_array
	vmalloc vzalloc kmem_cache_alloc kmem_cache_zalloc kstrdup kstrndup kmemdup kasprintf devm_kzalloc devm_kmalloc
	devm_kcalloc devm_kmalloc_array devm_kstrdup devm_kasprintf devm_kmemdup alloc_skb dev_alloc_skb netdev_alloc_skb
	nlmsg_new skb_clone skb_copy alloc_etherdev alloc_etherdev_mqs dma_alloc_coherent dmam_alloc_coherent dma_pool_alloc
	alloc_workqueue alloc_ordered_workqueue ioremap of_iomap devm_ioremap usb_alloc_urb
	input_allocate_device platform_device_alloc alloc_percpu spi_alloc_master scsi_host_alloc
	alloc_page alloc_pages bitmap_zalloc`)

// errorOnFailure are functions that give an error pointer where they fail, never NULL.
var errorOnFailure = set(`devm_ioremap_resource devm_platform_ioremap_resource devm_platform_get_and_ioremap_resource
	devm_clk_get clk_get clk_register devm_clk_register clk_hw_register_fixed_factor of_clk_get of_clk_get_by_name devm_clk_hw_register_fixed_factor
	devm_regulator_get regulator_get devm_reset_control_get devm_reset_control_get_exclusive devm_gpiod_get gpiod_get
	devm_pinctrl_get pinctrl_get devm_phy_get phy_get devm_regmap_init_i2c devm_regmap_init_mmio devm_regmap_init_spi
	regmap_init_mmio syscon_regmap_lookup_by_phandle syscon_node_to_regmap kthread_run kthread_create kthread_create_on_node
	filp_open class_create device_create device_create_with_groups platform_device_register_simple platform_device_register_full
	platform_device_register_resndata memdup_user memdup_user_nul strndup_user dma_request_chan of_icc_get devm_of_icc_get
	crypto_alloc_shash crypto_alloc_ahash crypto_alloc_skcipher crypto_alloc_aead crypto_alloc_akcipher crypto_alloc_cipher
	devm_hwmon_device_register_with_info devm_hwmon_device_register_with_groups hwmon_device_register_with_info hwmon_device_register_with_groups
	devm_thermal_zone_of_sensor_register thermal_zone_device_register thermal_cooling_device_register devm_rtc_device_register devm_rtc_allocate_device
	pwm_get devm_pwm_get devm_nvmem_register nvmem_register devm_nvmem_device_get nvmem_cell_get devm_nvmem_cell_get
	of_dma_request_slave_channel dma_buf_get dma_buf_export dma_buf_attach dma_buf_map_attachment mbox_request_channel
	rdma_alloc_netdev ip_route_output_key ip_route_output_flow ip6_dst_lookup_flow blk_mq_alloc_disk blk_mq_init_queue
	 drm_dev_alloc drm_gem_shmem_create anon_inode_getfile lookup_one_len kern_path_create fwnode_create_software_node
	iio_channel_get devm_iio_channel_get extcon_get_edev_by_phandle backlight_device_register devm_backlight_device_register
	power_supply_register devm_power_supply_register devm_extcon_dev_allocate devm_devfreq_add_device led_get of_led_get
	 posix_acl_from_xattr vfs_kern_mount kern_mount alloc_file_pseudo`)

// frees are functions that end the life of their argument.
var frees = map[string]int{
	"kfree": 0, "kvfree": 0, "vfree": 0, "kfree_sensitive": 0, "kzfree": 0, "kfree_skb": 0, "dev_kfree_skb": 0,
	"consume_skb": 0, "dev_kfree_skb_any": 0, "dev_kfree_skb_irq": 0, "free_netdev": 0, "usb_free_urb": 0,
	"input_free_device": 0, "kmem_cache_free": 1, "free_percpu": 0, "mempool_free": 0,
	"platform_device_put": 0, "bitmap_free": 0, "scsi_host_put": 0, "spi_master_put": 0, "nlmsg_free": 0,
	"destroy_workqueue": 0, "iounmap": 0, "dma_pool_free": 1, "__free_page": 0, "put_page": 0, "crypto_free_shash": 0,
	"crypto_free_ahash": 0, "crypto_free_skcipher": 0, "crypto_free_aead": 0, "__free_pages": 0, "bio_put": 0,
}

// dead are those of them after which the object cannot be there any more, whoever else
// holds it.
var dead = set("kfree kvfree vfree kfree_sensitive kzfree kmem_cache_free free_percpu")

// owners say how what a function gives is given back, and by which functions.
type owning struct {
	free []string
	// strict says that those it is passed to never take it over, so that it must be
	// given back on every path.
	strict bool
	rule   string
}

func owningOf(name string) (owning, bool) {
	switch {
	case strings.HasPrefix(name, "devm_"), strings.HasPrefix(name, "dmam_"):
		return owning{}, false
	case ofNodes[name]:
		return owning{[]string{"of_node_put"}, true, "refcount-leak"}, true
	case name == "of_find_device_by_node" || name == "bus_find_device" || name == "bus_find_device_by_name" ||
		name == "class_find_device" || name == "driver_find_device" || name == "bus_find_device_by_of_node":
		return owning{[]string{"put_device", "platform_device_put"}, false, "refcount-leak"}, true
	case name == "debugfs_lookup":
		return owning{[]string{"dput"}, true, "refcount-leak"}, true
	case name == "dev_get_by_name" || name == "dev_get_by_index":
		return owning{[]string{"dev_put", "netdev_put"}, false, "refcount-leak"}, true
	case name == "pci_get_device" || name == "pci_get_slot" || name == "pci_get_domain_bus_and_slot":
		return owning{[]string{"pci_dev_put"}, false, "refcount-leak"}, true
	case name == "fget" || name == "fget_raw":
		return owning{[]string{"fput"}, false, "refcount-leak"}, true
	case strings.Contains(name, "alloc_skb"), name == "nlmsg_new", name == "genlmsg_new", name == "skb_clone", name == "skb_copy":
		return owning{[]string{"kfree_skb", "dev_kfree_skb", "nlmsg_free", "consume_skb", "dev_kfree_skb_any", "dev_kfree_skb_irq", "kfree_skb_reason"}, false, "leak"}, true
	case name == "alloc_etherdev" || name == "alloc_etherdev_mqs" || name == "alloc_netdev" || name == "alloc_netdev_mqs" || name == "alloc_candev":
		return owning{[]string{"free_netdev", "free_candev"}, false, "leak"}, true
	case name == "usb_alloc_urb":
		return owning{[]string{"usb_free_urb", "usb_put_urb"}, false, "leak"}, true
	case name == "input_allocate_device":
		return owning{[]string{"input_free_device"}, false, "leak"}, true
	case name == "platform_device_alloc":
		return owning{[]string{"platform_device_put"}, false, "leak"}, true
	case strings.HasPrefix(name, "kmem_cache_") && strings.Contains(name, "alloc"):
		return owning{[]string{"kmem_cache_free"}, false, "leak"}, true
	case strings.HasPrefix(name, "ioremap"), name == "of_iomap", name == "pci_iomap":
		return owning{[]string{"iounmap", "pci_iounmap"}, false, "leak"}, true
	case strings.HasPrefix(name, "memdup_user"), name == "strndup_user", name == "kmemdup", name == "kstrdup", name == "kstrndup",
		name == "kasprintf", strings.HasPrefix(name, "kv") && unchecked[name], name == "vmalloc", name == "vzalloc",
		name == "kmalloc", name == "kzalloc", name == "kcalloc", name == "kmalloc_array", name == "kzalloc_node", name == "kmalloc_node":
		return owning{[]string{"kfree", "kvfree", "vfree", "kfree_sensitive", "kzfree"}, false, "leak"}, true
	case strings.HasPrefix(name, "crypto_alloc_"):
		return owning{[]string{"crypto_free_" + strings.TrimPrefix(name, "crypto_alloc_")}, false, "leak"}, true
	}
	return owning{}, false
}

// ofNodes give a device-tree node with a reference.
var ofNodes = set(`of_find_node_by_name of_find_node_by_path of_find_compatible_node of_find_matching_node of_find_node_by_type
	of_get_child_by_name of_get_compatible_child of_get_parent of_parse_phandle of_find_node_by_phandle of_node_get of_get_next_parent
	of_find_matching_node_and_match of_find_node_opts_by_path of_cpu_device_node_get of_get_cpu_node of_graph_get_remote_port
	of_graph_get_port_by_id of_graph_get_endpoint_by_regs of_graph_get_remote_node of_graph_get_remote_port_parent
	of_graph_get_remote_endpoint of_irq_find_parent of_get_next_child of_get_next_available_child`)

// looping are macros whose variable holds a reference for the time of a round: which
// argument it is, and what puts it.
var looping = map[string]struct {
	arg int
	put string
}{
	"for_each_child_of_node": {1, "of_node_put"}, "for_each_available_child_of_node": {1, "of_node_put"},
	"for_each_node_by_name": {0, "of_node_put"}, "for_each_node_by_type": {0, "of_node_put"},
	"for_each_compatible_node": {0, "of_node_put"}, "for_each_matching_node": {0, "of_node_put"},
	"for_each_matching_node_and_match": {0, "of_node_put"}, "for_each_node_with_property": {0, "of_node_put"},
	"for_each_of_cpu_node": {0, "of_node_put"}, "for_each_endpoint_of_node": {1, "of_node_put"},
	"device_for_each_child_node": {1, "fwnode_handle_put"}, "fwnode_for_each_child_node": {1, "fwnode_handle_put"},
	"fwnode_for_each_available_child_node": {1, "fwnode_handle_put"}, "for_each_pci_dev": {0, "pci_dev_put"},
}

// paired are calls that have to be undone with the same first argument.
type paired struct {
	undo []string
	void bool // it cannot fail
	one  bool // it gives true where it succeeds
	arg  int
}

var pairTable = map[string]paired{
	"clk_prepare_enable":          {undo: []string{"clk_disable_unprepare"}},
	"clk_prepare":                 {undo: []string{"clk_unprepare"}},
	"clk_enable":                  {undo: []string{"clk_disable"}},
	"clk_bulk_prepare_enable":     {undo: []string{"clk_bulk_disable_unprepare"}, arg: 1},
	"regulator_enable":            {undo: []string{"regulator_disable"}},
	"regulator_bulk_enable":       {undo: []string{"regulator_bulk_disable"}, arg: 1},
	"request_irq":                 {undo: []string{"free_irq"}},
	"request_threaded_irq":        {undo: []string{"free_irq"}},
	"pci_enable_device":           {undo: []string{"pci_disable_device"}},
	"pci_request_regions":         {undo: []string{"pci_release_regions"}},
	"phy_init":                    {undo: []string{"phy_exit"}},
	"phy_power_on":                {undo: []string{"phy_power_off"}},
	"misc_register":               {undo: []string{"misc_deregister"}},
	"register_netdevice_notifier": {undo: []string{"unregister_netdevice_notifier"}},
	"register_pernet_subsys":      {undo: []string{"unregister_pernet_subsys"}},
	"register_pernet_device":      {undo: []string{"unregister_pernet_device"}},
	"platform_driver_register":    {undo: []string{"platform_driver_unregister"}},
	"pci_register_driver":         {undo: []string{"pci_unregister_driver"}},
	"genl_register_family":        {undo: []string{"genl_unregister_family"}},
	"class_register":              {undo: []string{"class_unregister"}},
	"alloc_chrdev_region":         {undo: []string{"unregister_chrdev_region"}},
	"sysfs_create_group":          {undo: []string{"sysfs_remove_group"}},
	"device_create_file":          {undo: []string{"device_remove_file"}, arg: 1},
	"get_device":                  {undo: []string{"put_device"}, void: true},
	"dev_hold":                    {undo: []string{"dev_put", "netdev_put"}, void: true},
	"netdev_hold":                 {undo: []string{"netdev_put", "dev_put"}, void: true},
	"sock_hold":                   {undo: []string{"sock_put"}, void: true},
	"kobject_get":                 {undo: []string{"kobject_put"}, void: true},
	"pci_dev_get":                 {undo: []string{"pci_dev_put"}, void: true},
	"usb_get_dev":                 {undo: []string{"usb_put_dev"}, void: true},
	"usb_get_intf":                {undo: []string{"usb_put_intf"}, void: true},
	"usb_autopm_get_interface":    {undo: []string{"usb_autopm_put_interface", "usb_autopm_put_interface_async"}},
	"pm_runtime_resume_and_get":   {undo: []string{"pm_runtime_put", "pm_runtime_put_sync", "pm_runtime_put_autosuspend", "pm_runtime_put_noidle", "pm_runtime_put_sync_suspend", "pm_runtime_put_sync_autosuspend"}},
	"pm_runtime_get_sync":         {undo: []string{"pm_runtime_put", "pm_runtime_put_sync", "pm_runtime_put_autosuspend", "pm_runtime_put_noidle", "pm_runtime_put_sync_suspend", "pm_runtime_put_sync_autosuspend"}, void: true},
	"pm_runtime_enable":           {undo: []string{"pm_runtime_disable"}, void: true},
	"mnt_want_write":              {undo: []string{"mnt_drop_write"}},
	"mnt_want_write_file":         {undo: []string{"mnt_drop_write_file"}},
	"reset_control_deassert":      {undo: []string{"reset_control_assert"}},
	"iommu_attach_device":         {undo: []string{"iommu_detach_device"}},
	"v4l2_device_register":        {undo: []string{"v4l2_device_unregister"}, arg: 1},
	"v4l2_ctrl_handler_init":      {undo: []string{"v4l2_ctrl_handler_free"}},
	"drm_mode_config_init":        {undo: []string{"drm_mode_config_cleanup"}},
	"iio_triggered_buffer_setup":  {undo: []string{"iio_triggered_buffer_cleanup"}},
	"of_node_get":                 {undo: []string{"of_node_put"}, void: true},
}

// consumes tells whether a function's name says that it ends what it is given, or takes it
// over.
func consumes(name string) bool {
	for _, part := range consuming {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var consuming = []string{"free", "put", "release", "destroy", "unregister", "remove", "unref", "cleanup", "fini", "deinit", "exit", "teardown",
	"drop", "kill", "abort", "reject", "discard", "consume", "dispose", "delete", "_del", "del_", "close", "fail", "undo", "detach", "done", "unmap",
	"deregister", "giveback", "complete", "drain", "dealloc", "clear", "finish", "end_", "_end", "error", "bail", "unwind", "uninit", "shutdown", "stop", "reset", "realloc", "getfd", "fill", "open", "dequeue", "purge", "recycle", "invalidate", "forget", "devm_add_action"}

// keeps tells whether a function's name says that it stores what it is given.
func keeps(name string) bool {
	if name == strings.ToUpper(name) {
		return true // a macro: it may do anything
	}
	for _, part := range keeping {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var keeping = []string{"add", "register", "insert", "queue", "submit", "store", "link", "attach", "set_", "_set", "assign", "push", "send", "xmit", "reply",
	"unicast", "multicast", "notify", "append", "enqueue", "rcv", "_rx", "publish", "install", "join", "splice", "replace", "call_rcu", "schedule", "start", "init",
	"create", "probe", "cache", "save", "track", "move", "connect", "bind", "setup", "build", "output", "deliver", "dispatch", "post", "commit", "transmit", "write_begin", "run", "hold", "to_", "own", "steal", "swap", "xchg", "export", "map"}

// reads are functions that do not keep what they are given, however they are called.
var reads = set(`memset memcpy memmove memcmp memchr strcpy strncpy strscpy strlcpy strlen strcmp strncmp strnlen strcat strncat strlcat
	snprintf sprintf scnprintf vsnprintf sscanf kstrtoint kstrtoul kstrtouint printk pr_err pr_info pr_debug pr_warn dev_err dev_info dev_dbg dev_warn
	copy_from_user copy_to_user get_user put_user be32_to_cpu le32_to_cpu IS_ERR PTR_ERR IS_ERR_OR_NULL PTR_ERR_OR_ZERO WARN_ON BUG_ON
	readl writel readw writew readb writeb ioread32 iowrite32 virt_to_phys virt_to_page dma_map_single
	usb_control_msg usb_bulk_msg of_property_read_u32 of_property_read_bool of_property_read_string of_get_property of_property_read_u32_array
	of_property_read_u64 of_property_read_u32_index of_device_is_compatible of_device_is_available of_address_to_resource of_iomap of_irq_get
	irq_of_parse_and_map of_get_child_count of_node_name_eq of_node_full_name of_property_count_u32_elems of_find_property of_get_named_gpio
	of_match_node of_match_device of_alias_get_id of_reg_read of_property_match_string of_property_count_strings of_get_mac_address
	of_get_phy_mode of_property_read_variable_u32_array of_property_read_u8_array of_property_read_string_index of_get_available_child_count
	of_get_address of_translate_address of_n_addr_cells of_n_size_cells of_parse_phandle_with_args of_count_phandle_with_args
	of_get_child_by_name of_irq_count of_clk_get_parent_count of_machine_is_compatible
	of_property_present of_platform_populate syscon_node_to_regmap of_irq_to_resource
	of_reserved_mem_lookup irq_find_host irq_find_matching_host platform_get_drvdata dev_get_drvdata debugfs_remove
	of_irq_parse_one irq_create_of_mapping to_platform_device container_of dev_name device_match_of_node get_bus_freq sizeof min max`)

// sleeping are functions that may sleep, whatever they are called with.
var sleeping = set(`mutex_lock mutex_lock_interruptible mutex_lock_killable mutex_lock_nested down down_read down_write down_interruptible
	down_killable down_read_killable down_write_killable msleep msleep_interruptible ssleep usleep_range fsleep schedule_timeout
	schedule_timeout_interruptible schedule_timeout_uninterruptible schedule_timeout_killable wait_for_completion
	wait_for_completion_timeout wait_for_completion_interruptible wait_for_completion_interruptible_timeout wait_for_completion_killable
	wait_event wait_event_timeout wait_event_interruptible wait_event_interruptible_timeout wait_event_killable
	copy_from_user copy_to_user get_user put_user clear_user strncpy_from_user strnlen_user memdup_user memdup_user_nul strndup_user
	synchronize_rcu synchronize_net synchronize_srcu synchronize_irq rcu_barrier flush_work flush_workqueue cancel_work_sync
	cancel_delayed_work_sync flush_delayed_work drain_workqueue destroy_workqueue alloc_workqueue kthread_stop kthread_create kthread_run vmalloc vzalloc vmalloc_user
	request_irq request_threaded_irq free_irq rtnl_lock lock_sock might_sleep cond_resched
	request_firmware regulator_enable regulator_disable clk_prepare clk_prepare_enable clk_unprepare clk_disable_unprepare i2c_transfer
	i2c_smbus_read_byte_data i2c_smbus_write_byte_data i2c_master_send i2c_master_recv spi_sync gpio_set_value_cansleep
	gpiod_set_value_cansleep device_register device_unregister device_add device_del register_netdev unregister_netdev
	unregister_netdevice kobject_add sysfs_create_group sysfs_create_file sysfs_remove_group debugfs_create_dir
	debugfs_create_file debugfs_remove debugfs_remove_recursive proc_create proc_remove remove_proc_entry input_register_device
	input_unregister_device usb_control_msg usb_bulk_msg usb_kill_urb usb_interrupt_msg filp_open kernel_read kernel_write vfs_read vfs_write
	inode_lock cpus_read_lock cpus_write_lock mmap_read_lock mmap_write_lock napi_disable
	crypto_alloc_shash crypto_alloc_skcipher crypto_alloc_aead mempool_create kmem_cache_create kmem_cache_destroy
	call_usermodehelper get_user_pages lock_page folio_lock alloc_percpu dma_buf_vmap
	sock_create sock_create_kern kernel_sendmsg kernel_recvmsg kernel_connect kernel_accept wait_on_bit wait_on_page_writeback invalidate_bdev sync_blockdev`)

// allocating are functions that sleep if their flags say so: which argument has them.
var allocating = map[string]int{
	"kmalloc": 1, "kzalloc": 1, "kcalloc": 2, "kmalloc_array": 2, "kmalloc_node": 1, "kzalloc_node": 1, "krealloc": 2, "kvmalloc": 1, "kvzalloc": 1,
	"kvcalloc": 2, "kvmalloc_array": 2, "kstrdup": 1, "kstrndup": 2, "kmemdup": 2, "kasprintf": 0, "kmem_cache_alloc": 1, "kmem_cache_zalloc": 1,
	"devm_kzalloc": 2, "devm_kmalloc": 2, "devm_kcalloc": 3, "devm_kstrdup": 2, "devm_kasprintf": 1, "alloc_skb": 1, "skb_clone": 1, "skb_copy": 1, "alloc_page": 0,
	"alloc_pages": 0, "get_zeroed_page": 0, "__get_free_page": 0, "__get_free_pages": 0, "nlmsg_new": 1, "genlmsg_new": 1, "dma_alloc_coherent": 3,
	"dma_pool_alloc": 1, "usb_alloc_urb": 1, "usb_submit_urb": 1, "mempool_alloc": 1, "idr_alloc": 4, "ida_alloc": 1, "ida_alloc_range": 3, "ida_alloc_max": 2,
	"xa_store": 3, "xa_alloc": 4, "xa_insert": 3, "radix_tree_preload": 0, "idr_preload": 0, "bio_alloc": 3, "nla_strdup": 1,
	"alloc_percpu_gfp": 1, "sg_alloc_table": 2, "kvasprintf": 0, "bitmap_zalloc": 1, "bitmap_alloc": 1,
}
