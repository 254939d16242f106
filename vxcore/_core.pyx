# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""The one seam between Python and the core in C.  _core.pyi is its manual."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_GetPointer, PyCapsule_New
from libc.errno cimport EAGAIN, EBADMSG, EBUSY, EEXIST, EINVAL, ENOMEM, ENOSPC
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset
from vx cimport *

import faulthandler
import os
import threading
import weakref

PAGE = VX_PAGE
READ = VX_READ
WRITE = VX_WRITE
EXEC = VX_EXEC

cdef tuple CLASS_LIMITS = tuple([vx_class_size[i] - VX_GUARD for i in range(VX_NCLASS)])

cdef object is_enabled = faulthandler.is_enabled
cdef unsigned long main_thread = threading.main_thread().ident


class CoreError(Exception):
    """The core cannot do what was asked; the text names the thing and the remedy."""


class MemoryFault(Exception):
    """A host access to guest memory that the guest itself could not have made."""

    def __init__(self, address, write, count=1):
        super().__init__(f"{'write' if write else 'read'} fault at {address:#x}")
        self.address = address
        self.write = write
        self.count = count


cdef const char *HANDLER = "vx_handler"
cdef vx_api api
api.memory_find = vx_memory_find
api.fpu_save = vx_fpu_save
api.memory_check = vx_memory_check
api.memory_read = vx_memory_read
api.memory_write = vx_memory_write
api.attempt = vx_try
api.take = vx_take
api.give = vx_give
API = PyCapsule_New(&api, "vx9.vxcore._core.API", NULL)

cdef bint ready = False


cdef int start() except -1:
    """Set up the core, once; say why not."""
    global ready
    cdef const char *why = NULL
    lock()
    cdef int err = vx_init(&why)
    unlock()
    if err < 0:
        raise CoreError(f"{why.decode()} ({os.strerror(-err)})")
    api.store = vx_store
    ready = True
    return 0


cdef inline void lock() noexcept:
    if not vx_try():
        with nogil:
            vx_take()


cdef inline void unlock() noexcept:
    vx_give()


cdef class MemoryObject:
    cdef vx_object *o
    cdef object __weakref__

    def __cinit__(self, size, reserve=0):
        start()
        if not 0 <= size < 1 << 32 or not 0 <= reserve < 1 << 32:
            raise ValueError(f"size {size} and reserve {reserve} must be from 0 to 4 GiB")
        lock()
        self.o = vx_object_new(size, reserve)
        unlock()
        if self.o == NULL:
            raise MemoryError(f"no room for {max(size, reserve)} bytes of guest memory")

    def __dealloc__(self):
        if self.o != NULL:
            lock()
            vx_object_unref(self.o)
            unlock()

    @property
    def size(self):
        return self.o.size

    @property
    def reserve(self):
        return self.o.reserve

    cdef int check(self, offset, count) except -1:
        if offset < 0 or count < 0 or offset + count > self.o.size:
            raise ValueError(f"{count} bytes at {offset} of an object of {self.o.size} bytes")
        return 0

    def resize(self, size):
        if not 0 <= size <= self.o.reserve:
            raise ValueError(f"size {size} is beyond the reserve of {self.o.reserve} bytes")
        lock()
        if size < self.o.size:
            vx_written(self.o, size, self.o.size - <uint32_t>size)
        vx_object_resize(self.o, size)
        unlock()

    def copy(self):
        cdef MemoryObject new = MemoryObject.__new__(MemoryObject, 0)
        lock()
        cdef vx_object *o = vx_object_copy(self.o)
        if o != NULL:
            vx_object_unref(new.o)
            new.o = o
        unlock()
        if o == NULL:
            raise MemoryError(f"no room for a copy of {self.o.size} bytes of guest memory")
        return new

    def read(self, offset, count):
        self.check(offset, count)
        return PyBytes_FromStringAndSize(<char *>vx_object_data(self.o) + <uint32_t>offset, count)

    def write(self, offset, const unsigned char[::1] data not None):
        cdef Py_ssize_t n = data.shape[0]
        self.check(offset, n)
        if n == 0:
            return
        lock()  # so that nothing is translated between the two
        memcpy(vx_object_data(self.o) + <uint32_t>offset, &data[0], n)
        vx_written(self.o, offset, n)
        unlock()

    def zero(self, offset, count):
        self.check(offset, count)
        lock()
        vx_object_zero(self.o, offset, count)
        vx_written(self.o, offset, count)
        unlock()

    def used(self):
        lock()
        n = vx_object_used(self.o)
        unlock()
        return n


cdef class CodeCache:
    cdef vx_cache *c

    def __cinit__(self):
        start()
        lock()
        self.c = vx_cache_new()
        unlock()
        if self.c == NULL:
            raise MemoryError("no room for a code cache")

    def __dealloc__(self):
        if self.c != NULL:
            lock()
            vx_cache_unref(self.c)
            unlock()

    def flush(self):
        lock()
        vx_cache_flush(self.c)
        unlock()

    def stats(self):
        return dict(self.c.count)


cdef class Memory:
    cdef vx_memory *m
    cdef readonly CodeCache code
    cdef dict objects
    cdef object __weakref__

    LIMITS = CLASS_LIMITS

    def __cinit__(self, limit, CodeCache code=None):
        start()
        if not 0 < limit <= CLASS_LIMITS[VX_NCLASS - 1]:
            raise ValueError(f"limit {limit} must be from 1 to {CLASS_LIMITS[VX_NCLASS - 1]} bytes")
        self.code = code if code is not None else CodeCache()
        self.objects = {}
        lock()
        self.m = vx_memory_new(limit, self.code.c)
        unlock()
        if self.m == NULL:
            raise MemoryError("no room for an address space")

    def __dealloc__(self):
        if self.m != NULL:
            lock()
            vx_memory_free(self.m)
            unlock()

    def close(self):
        if self.m == NULL:
            return
        lock()
        cdef bint busy = self.m.slot != NULL and self.m.slot.running > 0
        if not busy:
            vx_memory_free(self.m)
            self.m = NULL
        unlock()
        if busy:
            raise ValueError("a guest runs in this Memory: interrupt it first")
        self.objects.clear()

    cdef int open(self) except -1:
        if self.m == NULL:
            raise ValueError("this Memory is closed")
        return 0

    @property
    def limit(self):
        self.open()
        return self.m.limit

    def map(self, address, MemoryObject obj not None, prot):
        self.open()
        if not VX_READ & prot or prot & ~(VX_READ | VX_WRITE | VX_EXEC):
            raise ValueError(f"protection {prot} is not READ, with WRITE or EXEC or both")
        if not 0 <= address < self.m.limit:
            raise ValueError(f"address {address:#x} is beyond the limit {self.m.limit:#x}")
        lock()
        cdef int err = vx_memory_map(self.m, address, obj.o, prot)
        unlock()
        if err == 0:
            self.objects[address] = obj
        elif err == -EINVAL:
            raise ValueError(
                f"{obj.size:#x} bytes at {address:#x} are not whole pages below {self.m.limit:#x}"
            )
        elif err == -EEXIST:
            raise ValueError(f"{obj.size:#x} bytes at {address:#x} overlap another mapping")
        elif err == -EBUSY:
            raise ValueError(
                f"the code cache translates something else at {address:#x}: use a new CodeCache"
            )
        else:
            raise MemoryError("no room for a mapping")

    def unmap(self, address):
        self.open()
        if address not in self.objects:
            raise ValueError(f"no mapping begins at {address:#x}")
        lock()
        vx_memory_unmap(self.m, address)
        unlock()
        del self.objects[address]

    def mappings(self):
        self.open()
        rows = []
        cdef MemoryObject obj
        for address in sorted(self.objects):
            obj = self.objects[address]
            rows.append((address, obj.o.size, self.prot(address), obj))
        return rows

    cdef int prot(self, uint32_t address):
        cdef vx_mapping *g = vx_memory_find(self.m, address)
        return g.prot if g != NULL else 0

    def read(self, address, count):
        self.open()
        if not 0 <= address < 1 << 32 or not 0 <= count < 1 << 31:
            raise MemoryFault(address & 0xFFFFFFFF, False, count)
        cdef uint32_t a = address, n = count
        # Check before making room: count may be anything.
        cdef uint32_t have = vx_memory_check(self.m, a, n, VX_READ)
        if have < n:
            raise MemoryFault((a + have) & 0xFFFFFFFF, False, n - have)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, n)
        vx_memory_read(self.m, a, PyBytes_AS_STRING(data), n)
        return data

    def write(self, address, data not None):
        cdef const unsigned char[::1] view
        if type(data) is bytes:  # nearly always, and a view costs more than the copying
            self.write_bytes(address, PyBytes_AS_STRING(data), len(<bytes>data))
            return
        view = data
        self.write_bytes(address, <const char *>&view[0], view.shape[0])

    cdef int write_bytes(self, address, const char *data, Py_ssize_t count) except -1:
        self.open()
        if not 0 <= address < 1 << 32:
            raise MemoryFault(address & 0xFFFFFFFF, True)
        cdef uint32_t n = <uint32_t>count, a = address
        if n == 0:
            return 0
        cdef uint32_t done = self.store(a, data, n)
        if done < n:
            raise MemoryFault((a + done) & 0xFFFFFFFF, True, n - done)

    def cstring(self, address, limit):
        self.open()
        cdef char piece[256]
        cdef uint32_t a, n, have, done = 0
        cdef char *end
        if not 0 <= address < 1 << 32:
            raise MemoryFault(address & 0xFFFFFFFF, False)
        parts = []
        a = address
        while done < <uint32_t>limit:
            n = min(256 - (a & 255), <uint32_t>limit - done)
            have = vx_memory_read(self.m, a, piece, n)
            end = <char *>memchr(piece, 0, have)
            if end != NULL:
                parts.append(PyBytes_FromStringAndSize(piece, end - piece))
                return parts[0] if len(parts) == 1 else b"".join(parts)
            if have < n:
                raise MemoryFault((a + have) & 0xFFFFFFFF, False)
            parts.append(PyBytes_FromStringAndSize(piece, n))
            a += n
            done += n
        raise ValueError(f"no NUL in {limit} bytes at {address:#x}")

    def check(self, address, count, write):
        self.open()
        if not 0 <= address < 1 << 32 or not 0 <= count < 1 << 31:
            raise MemoryFault(address & 0xFFFFFFFF, write, count)
        cdef uint32_t have = vx_memory_check(self.m, address, count,
                                             VX_WRITE if write else VX_READ)
        if have < count:
            raise MemoryFault((address + have) & 0xFFFFFFFF, write, count - have)

    def load32(self, address):
        self.open()
        cdef uint32_t value, have
        if not 0 <= address < 1 << 32:
            raise MemoryFault(address & 0xFFFFFFFF, False)
        have = vx_memory_read(self.m, address, &value, 4)
        if have < 4:
            raise MemoryFault((address + have) & 0xFFFFFFFF, False, 4 - have)
        return value

    cdef uint32_t store(self, uint32_t address, const void *data, uint32_t count) noexcept:
        """Write; with the lock when code may be translated from there."""
        cdef uint32_t done
        if self.m.nwritable == 0 and not vx_aliased:
            return vx_memory_write(self.m, address, data, count)
        lock()
        done = vx_memory_write(self.m, address, data, count)
        unlock()
        return done

    def store32(self, address, value):
        self.open()
        if not 0 <= address < 1 << 32:
            raise MemoryFault(address & 0xFFFFFFFF, True)
        cdef uint32_t word = value & 0xFFFFFFFF
        cdef uint32_t have = self.store(address, &word, 4)
        if have < 4:
            raise MemoryFault((address + have) & 0xFFFFFFFF, True, 4 - have)

    cdef uint8_t *word(self, address, bint write) except NULL:
        """The host address of an aligned guest word."""
        self.open()
        if not 0 <= address < 1 << 32:
            raise MemoryFault(address & 0xFFFFFFFF, write)
        if address & 3:
            raise ValueError(f"{address:#x} is not aligned to 4 bytes")
        cdef uint32_t prot = VX_WRITE if write else VX_READ
        cdef vx_mapping *g = vx_memory_find(self.m, address)
        if g == NULL or not g.prot & prot:
            raise MemoryFault(address, write, 4)
        return vx_object_data(g.object) + (<uint32_t>address - g.address)

    def cas32(self, address, old, new):
        cdef uint32_t *p = <uint32_t *>self.word(address, True)
        cdef bint swapped = compare_and_swap(p, old & 0xFFFFFFFF, new & 0xFFFFFFFF)
        cdef vx_mapping *g
        if swapped and (self.m.nwritable or vx_aliased):
            g = vx_memory_find(self.m, address)
            lock()
            vx_written(g.object, <uint32_t>address - g.address, 4)
            unlock()
        return swapped

    def where(self, address):
        self.open()
        cdef vx_mapping *g = NULL
        if 0 <= address < 1 << 32:
            g = vx_memory_find(self.m, address)
        if g == NULL:
            raise MemoryFault(address & 0xFFFFFFFF, False)
        return self.objects[g.address], address - g.address


cdef extern from *:
    """
    static inline int
    compare_and_swap(uint32_t *p, uint32_t old, uint32_t new)
    {
        return __atomic_compare_exchange_n(p, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    """
    bint compare_and_swap(uint32_t *p, uint32_t old, uint32_t new)


class TrapKind:
    (INT, FAULT, DIVIDE, DEBUG, BREAKPOINT, OVERFLOW, BOUND, ILLEGAL, PROTECTION, STACK,
     ALIGNMENT, FPU, SIMD, QUANTUM, INTERRUPT) = range(15)


cdef tuple TRAP_NAMES = tuple(k for k in vars(TrapKind) if k.isupper())


cdef class Trap:
    cdef readonly int kind
    cdef readonly unsigned int number
    cdef readonly unsigned int address
    cdef readonly bint write

    def __repr__(self):
        name = TRAP_NAMES[self.kind]
        if self.kind == 0:
            return f"<Trap {name} {self.number:#x}>"
        if self.kind == 1:
            return f"<Trap {name} {'write' if self.write else 'read'} {self.address:#x}>"
        return f"<Trap {name}>"


cdef class Cpu:
    cdef vx_cpu *c
    cdef Memory _memory
    cdef Trap _trap
    cdef dict _handlers
    cdef readonly uint64_t run_ns

    def __cinit__(self, Memory memory not None):
        start()
        memory.open()
        self.c = vx_cpu_new()
        if self.c == NULL:
            raise MemoryError("no room for a cpu")
        self._memory = memory
        self._trap = Trap()

    def __dealloc__(self):
        if self.c != NULL:
            vx_cpu_free(self.c)

    @property
    def memory(self):
        return self._memory

    @memory.setter
    def memory(self, Memory memory not None):
        memory.open()
        self._memory = memory
        self.c.resume = 0

    cdef void put(self, int i, value):
        self.c.reg[i] = value & 0xFFFFFFFF
        self.c.resume = 0

    @property
    def eax(self):
        return self.c.reg[EAX]

    @eax.setter
    def eax(self, value):
        self.put(EAX, value)

    @property
    def ecx(self):
        return self.c.reg[ECX]

    @ecx.setter
    def ecx(self, value):
        self.put(ECX, value)

    @property
    def edx(self):
        return self.c.reg[EDX]

    @edx.setter
    def edx(self, value):
        self.put(EDX, value)

    @property
    def ebx(self):
        return self.c.reg[EBX]

    @ebx.setter
    def ebx(self, value):
        self.put(EBX, value)

    @property
    def esp(self):
        return self.c.reg[ESP]

    @esp.setter
    def esp(self, value):
        self.put(ESP, value)

    @property
    def ebp(self):
        return self.c.reg[EBP]

    @ebp.setter
    def ebp(self, value):
        self.put(EBP, value)

    @property
    def esi(self):
        return self.c.reg[ESI]

    @esi.setter
    def esi(self, value):
        self.put(ESI, value)

    @property
    def edi(self):
        return self.c.reg[EDI]

    @edi.setter
    def edi(self, value):
        self.put(EDI, value)

    @property
    def eip(self):
        return self.c.eip

    @eip.setter
    def eip(self, value):
        self.c.eip = value & 0xFFFFFFFF
        self.c.resume = 0

    @property
    def eflags(self):
        return (self.c.eflags & VX_FL_USER) | VX_FL_IF | 2 | self.c.id_flag

    @eflags.setter
    def eflags(self, value):
        self.c.eflags = (value & VX_FL_USER) | VX_FL_IF | 2
        self.c.id_flag = value & 0x200000
        self.c.resume = 0

    @property
    def thread_segment(self):
        return self.c.thread_base if self.c.has_thread else None

    @thread_segment.setter
    def thread_segment(self, base):
        if base is not None and not 0 <= base < 1 << 32:
            raise ValueError(f"a thread segment at {base} is not in a guest's 4 GiB")
        self.c.has_thread = base is not None
        self.c.thread_base = 0 if base is None else base
        self.c.resume = 0

    @property
    def fpu(self):
        cdef bytes image = PyBytes_FromStringAndSize(NULL, 512)
        vx_fpu_image(self.c, <uint8_t *>PyBytes_AS_STRING(image))
        return image

    @fpu.setter
    def fpu(self, const unsigned char[::1] image not None):
        if image.shape[0] != 512:
            raise ValueError(f"an FPU image has 512 bytes, not {image.shape[0]}")
        memcpy(self.c.fpu, &image[0], 512)
        # Reserved bits of MXCSR would be a fault when the host loads it.
        (<uint32_t *>&self.c.fpu[24])[0] &= 0xFFFF
        memset(&self.c.fpu[8], 0, 16)

    def get_regs(self):
        cdef uint32_t *r = self.c.reg
        return (r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], self.c.eip, self.eflags)

    def set_regs(self, regs):
        cdef int i
        if len(regs) != 10:
            raise ValueError(f"ten registers, not {len(regs)}")
        for i in range(8):
            self.put(i, regs[i])
        self.eip = regs[8]
        self.eflags = regs[9]

    def copy_state(self, Cpu other not None):
        memcpy(self.c.reg, other.c.reg, sizeof(self.c.reg))
        memcpy(self.c.fpu, other.c.fpu, sizeof(self.c.fpu))
        self.c.eip = other.c.eip
        self.c.eflags = other.c.eflags
        self.c.id_flag = other.c.id_flag
        self.c.has_thread = other.c.has_thread
        self.c.thread_base = other.c.thread_base
        self.c.resume = 0

    def interrupt(self):
        vx_cpu_interrupt(self.c)

    def handle(self, vector, handler):
        if not 0 <= vector < 256:
            raise ValueError(f"an interrupt vector of {vector} is not from 0 to 255")
        cdef void *call = NULL
        cdef void *given = NULL
        if handler is not None:
            call = PyCapsule_GetPointer(handler, HANDLER)
            given = PyCapsule_GetContext(handler)
        if vx_cpu_handle(self.c, vector, <vx_handler>call, given) < 0:
            raise MemoryError("no room for handlers")
        if self._handlers is None:
            self._handlers = {}
        self._handlers[vector] = handler  # stays alive as long as it may be called

    def run(self, long long quantum_us=10_000):
        cdef Trap trap = self._trap
        cdef vx_cpu *c = self.c
        cdef int err, ticks
        cdef int python = is_enabled()
        cdef Memory memory = self._memory  # stays alive while it runs
        memory.open()
        if quantum_us <= 0:
            raise ValueError(f"a quantum of {quantum_us} microseconds is too short")
        ticks = <int>min(quantum_us // VX_TICK_US, 0x3FFFFFFF) + 1
        c.poll = PyThread_get_thread_ident() == main_thread  # who alone runs signal handlers
        cdef uint64_t start_ns
        while True:
            with nogil:
                start_ns = now_ns()
                vx_take()
                if memory.m == NULL:
                    err = -EINVAL
                else:
                    err = vx_run_here(c, memory.m, ticks, python)
                vx_give()
                self.run_ns += now_ns() - start_ns
            if err < 0:
                raise run_error(err)
            if c.trap.kind != VX_T_POLL:
                break
            PyErr_CheckSignals()
            ticks = c.ticks
        trap.kind = c.trap.kind
        trap.number = c.trap.number
        trap.address = c.trap.address
        trap.write = c.trap.write
        return trap

    def _step(self, unsigned int count):
        """Run count emitted instructions, for tests: (trap, where it stopped, steps left)."""
        self.c.steps = count
        try:
            trap = self.run(60_000_000)
        finally:
            left = self.c.steps
            self.c.steps = 0
        return trap, self.c.host_eip, left

    def _bench_traps(self, int vector, unsigned long long count):
        """Run until interrupt vector has been taken count times, in C; nanoseconds taken."""
        cdef uint64_t ns
        cdef int python = is_enabled()
        with nogil:
            vx_take()
            self.c.memory = self._memory.m
            ns = vx_bench_traps(self.c, vector, count)
            vx_give()
        return ns


cdef extern from *:
    """
    #include <time.h>

    static inline uint64_t
    now_ns(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }

    static inline int
    vx_run_here(struct vx_cpu *c, struct vx_memory *m, int ticks, int python)
    {
        if (c->thread)
            return -EBUSY;
        c->memory = m;
        int err = vx_thread_init(&c->ctl, &c->control);
        if (err == 0)
            err = vx_trap_refresh(python);
        return err < 0 ? err : vx_run(c, ticks);
    }
    """
    int vx_run_here(vx_cpu *c, vx_memory *m, int ticks, int python) nogil
    uint64_t now_ns() nogil


cdef run_error(int err):
    if err == -EAGAIN:
        return CoreError("too many threads run guests at once: at most 4 host threads may")
    if err == -EBUSY:
        return CoreError("this Cpu runs in another thread already: a thread of control has one")
    if err == -EINVAL:
        return ValueError("this Memory is closed")
    if err == -EBADMSG:
        return CoreError("a bug in vx9: the translator made code that the verifier refuses (the "
                         "line before this on stderr); please report it with the program")
    if err == -ENOSPC:
        return CoreError("no window below 4 GiB is free for a guest of this size: use a smaller "
                         "limit, or run fewer guests at once")
    return CoreError(f"cannot run: {os.strerror(-err)}")


cdef tuple feature_names(uint32_t mask):
    names = []
    cdef unsigned bit = 0
    while vx_feature_name(bit) != NULL:
        if mask >> bit & 1:
            names.append(vx_feature_name(bit).decode())
        bit += 1
    return tuple(names)


def offer(features):
    """Offer guests just these instruction sets."""
    global vx_features
    cdef uint32_t mask = 0
    cdef tuple have = feature_names(vx_features_host)
    wanted = set(features)
    if missing := wanted.difference(have):
        raise ValueError(f"this host does not have {', '.join(sorted(missing))}; it has "
                         f"{', '.join(have)}")
    cdef unsigned bit = 0
    while vx_feature_name(bit) != NULL:
        if vx_feature_name(bit).decode() in wanted:
            mask |= 1u << bit
        bit += 1
    if not mask & VX_F_BASE:
        raise ValueError("no guest runs without base")
    lock()
    vx_features = mask
    unlock()


def capabilities():
    """What this host offers to the core."""
    start()
    signal = vx_trap_unsafe_signal()
    return {
        "ldt": True,
        "features": feature_names(vx_features),
        "host_features": feature_names(vx_features_host),
        "unsafe_signal": signal or None,
    }


def _emitted(CodeCache code not None):
    """What was emitted, for tests: (linear address, bytes, [(offset, recovery, eip)]) of blocks."""
    cdef const vx_block *b
    cdef vx_record *r
    cdef uint32_t i
    blocks = []
    lock()
    while True:
        b = vx_cache_block(code.c, <uint32_t>len(blocks))
        if b == NULL:
            break
        r = code.c.record + b.record
        text = PyBytes_FromStringAndSize(<char *>vx_code_view(b.start), b.end - b.start)
        blocks.append((b.start, text, [(r[i].offset, r[i].recovery, r[i].eip)
                                       for i in range(b.nrecord)]))
    unlock()
    return blocks


def _limit_arena(int chunks):
    """Use no more than so many MiB of the code arena from now on (for tests)."""
    start()
    lock()
    vx_cache_limit(chunks)
    unlock()


include "walls.pxi"


def _refuse_all(bint refuse):
    """Have the verifier refuse every block, until told otherwise (for tests)."""
    global vx_verify_never
    lock()
    vx_verify_never = refuse
    unlock()


def _bench_translate(Memory memory not None, unsigned int start, unsigned int end, int rounds,
                     bint verified):
    """Nanoseconds to translate straight from start to end so often, verified or not; 0: failed."""
    memory.open()
    lock()
    ns = vx_bench_translate(memory.m, start, end, rounds, verified)
    unlock()
    return ns
