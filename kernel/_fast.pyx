# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""System calls answered in C while the guest runs: src/fast.h.  _fast.pyi is the manual."""

from cpython.list cimport PyList_GET_SIZE
from cpython.pycapsule cimport (PyCapsule_GetContext, PyCapsule_GetPointer, PyCapsule_New,
                                PyCapsule_SetContext)
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from vx9.vxcore import _core

cdef extern from "vx.h" nogil:
    struct vx_api:
        pass
    struct vx_cpu:
        pass

cdef extern from "fast.h" nogil:
    enum:
        FAST_NCALL
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
        const uint8_t *calls
        void **chans
        int64_t nchan
        void *chan_type
        int64_t chan_at
        const vx_api *core
        uint64_t answered
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


cdef class OpenFile:
    cdef fast_chan k

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
    """Which numbers mean which calls."""
    cdef uint8_t call[FAST_NCALL]

    def __init__(self, names):
        memset(self.call, 0, FAST_NCALL)
        for number, name in names:
            if number < FAST_NCALL:
                self.call[number] = CALLS.get(name, 0)


cdef void free_fast(object capsule) noexcept:
    free(PyCapsule_GetContext(capsule))


cdef class Answers:
    cdef fast *f
    cdef object handler, run, woken, spent, clock
    cdef Numbers numbers
    cdef dict semaphores

    def __init__(self, cpu, Numbers numbers not None, type chan_type not None, woken, spent,
                 dict semaphores not None, clock):
        self.handler = PyCapsule_New(<void *>fast_answer, "vx_handler", free_fast)
        self.f = <fast *>calloc(1, sizeof(fast))
        if self.f == NULL:
            raise MemoryError("no room for a handler")
        PyCapsule_SetContext(self.handler, self.f)
        self.f.core = <const vx_api *>PyCapsule_GetPointer(_core.API, "vx9.vxcore._core.API")
        self.f.chan_type = <void *>chan_type
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

    def __call__(self, quantum, list chans):
        cdef fast *f = self.f
        f.chans = list_items(chans)
        f.nchan = PyList_GET_SIZE(chans)
        f.alone = not self.woken and not self.spent
        f.waiters = len(self.semaphores) != 0
        f.clock = not self.clock.adjusted
        f.on = 1
        try:
            return self.run(quantum)
        finally:
            f.on = 0
