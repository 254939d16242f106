# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""System calls answered in C while the guest runs: src/fast.h.  _fast.pyi is the manual."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.list cimport PyList_GET_SIZE
from cpython.pycapsule cimport (PyCapsule_GetContext, PyCapsule_GetPointer, PyCapsule_New,
                                PyCapsule_SetContext)
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from vx9.fs.errors import PlanError
from vx9.vxcore import _core

cdef extern from "vx.h" nogil:
    enum:
        VX_READ
        VX_WRITE
        EAX
    struct vx_memory:
        pass
    struct vx_cpu:
        uint32_t reg[8]
        vx_memory *memory
    struct vx_api:
        uint32_t (*memory_check)(vx_memory *, uint32_t, uint32_t, uint32_t) noexcept nogil
        uint32_t (*memory_read)(vx_memory *, uint32_t, void *, uint32_t) noexcept nogil
        uint32_t (*memory_write)(vx_memory *, uint32_t, const void *, uint32_t) noexcept nogil
        int (*attempt "try")() noexcept nogil
        void (*take)() noexcept nogil
        void (*give)() noexcept nogil

cdef extern from "fast.h" nogil:
    enum:
        FAST_NCALL
        FAST_NWORD
        FAST_SYSR1
        FAST_SLEEP
        FAST_SEMACQUIRE
        FAST_SEMRELEASE
        FAST_NSEC
        FAST_READ
        FAST_WRITE
        FAST_PREAD
        FAST_PWRITE
        FAST_NULL
        FAST_ZERO
        FAST_BINTIME
    struct fast_chan:
        uint64_t offset
        int mode
        int file
        int is_channel
    struct fast:
        int on
        int alone
        int waiters
        int clock
        int pread_moves
        const uint8_t *calls
        void **chans
        int64_t nchan
        void *chan_type
        int64_t chan_at
        const vx_api *core
        uint64_t answered
        int asked
        vx_cpu *cpu
        uint32_t number
        uint32_t words[5]
    int fast_answer(vx_cpu *, void *)

cdef extern from *:
    """
    #define list_items(list) ((void **)((PyListObject *)(list))->ob_item)
    """
    void **list_items(object)

VECTOR = 0x40
NULL_FILE, ZERO_FILE, BINTIME_FILE = FAST_NULL, FAST_ZERO, FAST_BINTIME

cdef dict CALLS = {
    "sysr1": FAST_SYSR1, "sleep": FAST_SLEEP, "semacquire": FAST_SEMACQUIRE,
    "semrelease": FAST_SEMRELEASE, "nsec": FAST_NSEC, "_read": FAST_READ, "_write": FAST_WRITE,
    "pread": FAST_PREAD, "pwrite": FAST_PWRITE,
}


cdef enum:
    OREAD, OWRITE, ORDWR
    QTDIR = 0x80
    MOST = 1 << 20  # bytes; more is done in pieces


cdef class OpenFile:
    cdef fast_chan k
    cdef public object server, fid

    @property
    def offset(self):
        return self.k.offset

    @offset.setter
    def offset(self, uint64_t value):
        self.k.offset = value

    @property
    def mode(self):
        return self.k.mode

    @mode.setter
    def mode(self, int value):
        self.k.mode = value

    @property
    def file(self):
        return self.k.file

    @file.setter
    def file(self, int value):
        self.k.file = value

    @property
    def is_channel(self):
        return self.k.is_channel != 0

    @is_channel.setter
    def is_channel(self, bint value):
        self.k.is_channel = value


cdef class Numbers:
    cdef uint8_t call[FAST_NCALL]
    cdef list rows, codes
    cdef public bint pread_moves

    def __init__(self, calls):
        memset(self.call, 0, FAST_NCALL)
        self.rows = [None] * FAST_NCALL
        self.codes = [b""] * FAST_NCALL
        for call in calls:
            codes = "".join(kind.code for _, kind in call.args)
            if call.number >= FAST_NCALL or call.size > 4 * FAST_NWORD or not set(codes) <= set("iIq"):
                continue  # left to systab, which can do all
            self.call[call.number] = CALLS.get(call.name, 0)
            self.rows[call.number] = call
            self.codes[call.number] = codes.encode()

    def answer(self, name, bint on):
        for number, call in enumerate(self.rows):
            if call is not None and call.name == name:
                self.call[number] = CALLS[name] if on else 0


cdef tuple unpacked(bytes codes, const uint32_t *word):
    """Argument words as the types of a call have it: i signed, I unsigned, q two words."""
    cdef Py_ssize_t i, n = len(codes)
    cdef const char *code = codes
    cdef tuple args = PyTuple_New(n)
    cdef object arg
    for i in range(n):
        if code[i] == b"i":
            arg = <int32_t>word[0]
        elif code[i] == b"I":
            arg = word[0]
        else:
            arg = <int64_t>(word[0] | <uint64_t>word[1] << 32)
            word += 1
        word += 1
        Py_INCREF(arg)
        PyTuple_SET_ITEM(args, i, arg)
    return args


cdef void free_fast(object capsule) noexcept:
    free(PyCapsule_GetContext(capsule))


cdef class Answers:
    cdef fast *f
    cdef object handler, run, woken, spent, clock, chan_type
    cdef Numbers numbers
    cdef dict semaphores
    cdef readonly object call
    cdef readonly tuple args
    cdef readonly int turn

    def __init__(self, cpu, Numbers numbers not None, type chan_type not None, woken, spent,
                 dict semaphores not None, clock):
        self.handler = PyCapsule_New(<void *>fast_answer, "vx_handler", free_fast)
        self.f = <fast *>calloc(1, sizeof(fast))
        if self.f == NULL:
            raise MemoryError("no room for a handler")
        PyCapsule_SetContext(self.handler, self.f)
        self.f.core = <const vx_api *>PyCapsule_GetPointer(_core.API, "vx9.vxcore._core.API")
        self.f.chan_type = <void *>chan_type
        self.chan_type = chan_type
        self.f.calls = numbers.call
        cdef OpenFile some = OpenFile.__new__(OpenFile)
        self.f.chan_at = <char *>&some.k - <char *><void *>some
        self.numbers, self.woken, self.spent = numbers, woken, spent
        self.semaphores, self.clock = semaphores, clock
        self.run = cpu.run
        cpu.handle(VECTOR, self.handler)

    @property
    def answered(self):
        return self.f.answered

    def __call__(self, p, quantum, int turn):
        cdef fast *f = self.f
        cdef list chans = p.fds.chans
        f.chans = list_items(chans)
        f.nchan = PyList_GET_SIZE(chans)
        f.waiters = len(self.semaphores) != 0
        f.clock = not self.clock.adjusted
        f.pread_moves = self.numbers.pread_moves
        while True:
            f.alone = not self.woken and not self.spent
            f.asked = 0
            f.on = 1
            try:
                trap = self.run(quantum)
            finally:
                f.on = 0
            self.turn = turn
            if not f.asked:
                return trap
            if turn == 1 or f.calls[f.number] < FAST_READ or not self.transferred(p, chans):
                break
            turn -= 1
            f.answered += 1
        call = self.numbers.rows[f.number]
        if call is None:
            return trap
        self.args = unpacked(self.numbers.codes[f.number], f.words)
        self.call = call
        return None

    cdef bint transferred(self, p, list chans) except -1:
        """Make a read or a write whose server needs no waiting."""
        cdef fast *f = self.f
        cdef int call = f.calls[f.number], fd = <int32_t>f.words[0], n = <int32_t>f.words[2]
        cdef int64_t offset = -1
        if call == FAST_PREAD or call == FAST_PWRITE:
            offset = <int64_t>(f.words[3] | <uint64_t>f.words[4] << 32)
        if not 0 <= fd < PyList_GET_SIZE(chans) or not 0 <= n <= MOST or offset < -1:
            return False
        c = chans[fd]
        if type(c) is not self.chan_type:
            return False
        cdef OpenFile of = <OpenFile>c
        cdef bint own = offset == -1, reads = call == FAST_READ or call == FAST_PREAD
        if of.k.is_channel or of.fid.qid[2] & QTDIR or not (
                of.k.mode == ORDWR or of.k.mode == (OREAD if reads else OWRITE)):
            return False
        now = getattr(of.server, "read_now" if reads else "write_now", None)
        if now is None:
            return False
        of.fid.proc = p
        cdef const vx_api *core = f.core
        cdef vx_memory *m = f.cpu.memory
        cdef bytes data
        if core.memory_check(m, f.words[1], n, VX_WRITE if reads else VX_READ) < <uint32_t>n:
            return False
        at = of.k.offset if own else offset
        try:
            if reads:
                data = now(of.fid, n, at)
                if data is None:
                    return False
                n = min(n, len(data))
                if not core.attempt():
                    with nogil:
                        core.take()
                core.memory_write(m, f.words[1], PyBytes_AS_STRING(data), n)
                core.give()
                own = own or f.pread_moves
            else:
                data = PyBytes_FromStringAndSize(NULL, n)
                core.memory_read(m, f.words[1], PyBytes_AS_STRING(data), n)
                done = now(of.fid, data, at)
                if done is None:
                    return False
                n = done
        except PlanError:
            return False  # for the handler to find again, and to tell
        if own:
            of.k.offset += n
        f.cpu.reg[EAX] = n
        return True
