# The C interface of the core, as _core.pyx sees it (src/vx.h says what it means).
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from posix.types cimport pid_t

cdef extern from "decode.h" nogil:
    enum:
        VX_F_BASE
    uint32_t vx_features
    uint32_t vx_features_host
    const char *vx_feature_name(unsigned bit)

cdef extern from "vx.h" nogil:
    enum:
        VX_PAGE
        VX_READ
        VX_WRITE
        VX_EXEC
        VX_NCLASS
        VX_GUARD
        VX_TICK_US
        VX_T_POLL
        VX_FL_USER
        VX_FL_IF
    enum:
        EAX
        ECX
        EDX
        EBX
        ESP
        EBP
        ESI
        EDI

    struct vx_object:
        uint64_t id
        uint32_t size
        uint32_t reserve
        int refs
        int ncode
    vx_object *vx_object_new(uint64_t size, uint64_t reserve)
    int vx_written(vx_object *, uint32_t offset, uint32_t count)
    void vx_object_unref(vx_object *)
    int vx_object_resize(vx_object *, uint64_t size)
    vx_object *vx_object_copy(vx_object *)
    void vx_object_zero(vx_object *, uint32_t offset, uint32_t count)
    uint64_t vx_object_used(vx_object *)
    uint8_t *vx_object_data(vx_object *)

    struct vx_counters:
        uint64_t fragments
        uint64_t instructions
        uint64_t guest_bytes
        uint64_t host_bytes
        uint64_t lookups
        uint64_t links
        uint64_t flushes
        uint64_t refused
    struct vx_record:
        uint16_t offset
        uint16_t recovery
        uint32_t eip
    struct vx_block:
        uint32_t start
        uint32_t end
        uint32_t record
        uint32_t nrecord
    struct vx_cache:
        vx_record *record
        vx_counters count
    void vx_cache_limit(int chunks)
    vx_cache *vx_cache_new()
    void vx_cache_unref(vx_cache *)
    void vx_cache_flush(vx_cache *)
    const vx_block *vx_cache_block(vx_cache *, uint32_t index)
    uint8_t *vx_code_view(uint32_t host)

    struct vx_mapping:
        uint32_t address
        uint32_t prot
        vx_object *object
    struct vx_slot:
        uint32_t base
        int running
    struct vx_memory:
        uint32_t limit
        int nwritable
        vx_slot *slot
    uint32_t vx_class_size[4]
    int vx_aliased
    vx_memory *vx_memory_new(uint32_t limit, vx_cache *)
    void vx_memory_free(vx_memory *)
    int vx_memory_map(vx_memory *, uint32_t address, vx_object *, uint32_t prot)
    int vx_memory_unmap(vx_memory *, uint32_t address)
    vx_mapping *vx_memory_find(vx_memory *, uint32_t address)
    uint32_t vx_memory_read(vx_memory *, uint32_t address, void *, uint32_t count)
    uint32_t vx_memory_write(vx_memory *, uint32_t address, const void *, uint32_t count)
    uint32_t vx_memory_check(vx_memory *, uint32_t address, uint32_t count, uint32_t prot)

    struct vx_trap:
        int kind
        uint32_t number
        uint32_t address
        int write
    ctypedef int (*vx_handler)(vx_cpu *, void *)
    struct vx_api:
        uint8_t *store
        vx_mapping *(*memory_find)(vx_memory *, uint32_t)
        void (*fpu_save)(vx_cpu *)
        uint32_t (*memory_check)(vx_memory *, uint32_t, uint32_t, uint32_t) noexcept nogil
        uint32_t (*memory_read)(vx_memory *, uint32_t, void *, uint32_t) noexcept nogil
        uint32_t (*memory_write)(vx_memory *, uint32_t, const void *, uint32_t) noexcept nogil
        int (*attempt "try")() noexcept nogil
        void (*take)() noexcept nogil
        void (*give)() noexcept nogil
    int vx_cpu_handle(vx_cpu *, int vector, vx_handler, void *arg)
    uint8_t *vx_store
    void vx_fpu_save(vx_cpu *)
    struct vx_cpu:
        uint32_t reg[8]
        uint32_t eflags
        uint32_t eip
        uint8_t fpu[512]
        uint32_t id_flag
        int has_thread
        uint32_t thread_base
        uint32_t resume
        vx_memory *memory
        int ticks
        int poll
        uint32_t steps
        uint32_t host_eip
        vx_trap trap
    int vx_try()
    void vx_take()
    void vx_give()
    int vx_init(const char **why)
    vx_cpu *vx_cpu_new()
    void vx_cpu_free(vx_cpu *)
    void vx_cpu_interrupt(vx_cpu *)
    int vx_run(vx_cpu *, int ticks)
    int vx_trap_refresh(int python)
    int vx_trap_unsafe_signal()
    void vx_fpu_image(const vx_cpu *, uint8_t *image)
    uint64_t vx_bench_traps(vx_cpu *, int vector, uint64_t count)
    int vx_verify_never
    uint64_t vx_bench_translate(vx_memory *, uint32_t start, uint32_t end, int rounds, int verified)
