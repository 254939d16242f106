# The walls behind the translator, and the self-test; included by _core.pyx (src/walls.h).

cdef extern from "walls.h" nogil:
    enum:
        VX_WALL_ENTRY
        VX_WALL_CALLS
        VX_WALL_MDWE
        VX_WALL_PARENT
        VX_WALL_NETWORK_OPEN
        VX_WALL_CHILDREN_OPEN
        VX_TRAPNO_WALL
        VX_RAW_MAX
    int vx_walls(unsigned walls, const char **why)
    int vx_walls_files(const char *const *writable, const char **which)
    int vx_publish_raw(vx_memory *, uint32_t eip, const uint8_t *code, uint32_t n)
    vx_cpu *vx_selftest_cpu
    int vx_selftest_registers(vx_cpu *)
    int vx_selftest_altstack()
    ctypedef struct Probed "struct vx_cpu":
        uint32_t trapno
        uint32_t linear
        vx_trap trap

cdef dict LEVELS = {"entry": 0, "calls": VX_WALL_CALLS}
cdef object standing = None


def _publish_raw(Memory memory not None, uint32_t eip, const unsigned char[::1] code not None):
    """Put machine code in the place of the guest's at eip, with no judgement (for tests)."""
    memory.open()
    if not 0 < code.shape[0] <= VX_RAW_MAX:
        raise ValueError(f"{code.shape[0]} bytes are not 1 to {VX_RAW_MAX}")
    lock()
    cdef int err = vx_publish_raw(memory.m, eip, &code[0], <uint32_t>code.shape[0])
    unlock()
    if err < 0:
        raise CoreError(f"cannot publish ({os.strerror(-err)})")


cdef tuple raw_run(bytes code, address):
    """(trapno, linear address, eax) after running this unjudged code; trapno 0: to its end."""
    global vx_selftest_cpu
    cdef Memory memory = Memory(1)
    memory.map(0x1000, MemoryObject(1), VX_READ | VX_EXEC)
    cdef MemoryObject data = MemoryObject(1)
    data.write(0, b"\xc3")
    memory.map(0x2000, data, VX_READ | VX_WRITE)
    cdef Cpu cpu = Cpu(memory)
    cpu.esp, cpu.eip = 0x3000, 0x1000
    memory.map(0x3000, MemoryObject(1), VX_READ | VX_WRITE)
    if address:  # the guest's 0x2000 as a linear address goes into ebx: make it resident first
        (<MemoryObject>memory.objects[0x1000]).write(0, b"\xcd\x41")
        cpu.run()
        cpu.ebx = memory.m.slot.base + 0x2000
        cpu.eip = 0x1000
        memory.code.flush()
    _publish_raw(memory, 0x1000, code)
    cpu.eax = 20  # getpid, for INT 0x80
    (<Probed *>cpu.c).trapno = 0
    vx_selftest_cpu = cpu.c
    try:
        trap = cpu.run(1_000_000)
    finally:
        vx_selftest_cpu = NULL
    return (0 if trap.kind == TrapKind.INT else (<Probed *>cpu.c).trapno,
            (<Probed *>cpu.c).linear - (memory.m.slot.base if memory.m.slot != NULL else 0),
            cpu.eax)


def selftest():
    """Look at every wall; what it found, by name.  Raises CoreError when one does not hold.

    ``low`` in the answer names what else is mapped below 4 GiB; it should be empty, and is not
    under interpreters that are not position-independent.
    """
    start()
    found = {"ldt": True}
    bad = []

    def say(name, right, text):
        found[name] = bool(right)
        if not right:
            bad.append(text)

    # 32-bit code runs, and the 64-bit registers survive it.
    cdef Memory memory = Memory(1)
    cdef MemoryObject text = MemoryObject(1)
    text.write(0, b"\xb8\x2a\x00\x00\x00\xcd\x41")  # mov eax, 42; int 0x41
    memory.map(0x1000, text, VX_READ | VX_EXEC)
    cdef Cpu cpu = Cpu(memory)
    cpu.eip = 0x1000
    trap = cpu.run(1_000_000)
    say("code32", trap.kind == TrapKind.INT and cpu.eax == 42 and cpu.eip == 0x1007,
        "32-bit code does not run as it should")
    cpu.eip = 0x1000
    lock()
    cdef int kept = vx_selftest_registers(cpu.c)
    unlock()
    say("registers", kept == 1, "64-bit registers do not survive 32-bit code")

    # ff e3: jmp *%ebx, to the guest's own data.
    trapno, linear, _ = raw_run(b"\xff\xe3", True)
    say("nx", trapno == 14 and linear == 0x2000, "guests can execute their data")
    # 89 03: mov %eax, (%ebx) beyond the segment.
    trapno, _, _ = raw_run(b"\xbb\x00\x00\x00\xf0\x89\x03", False)
    say("segments", trapno == 13, "guests can write beyond their segment")
    trapno, _, eax = raw_run(b"\xcd\x80", False)
    found["int80"] = trapno != 0  # stopped: by the filter, or by a kernel without 32-bit calls
    if standing is not None and trapno == 0:
        bad.append(f"INT 0x80 reaches the host's system calls (it answered {eax:#x})")

    say("altstack", vx_selftest_altstack(), "signals are not handled on a stack above 4 GiB")
    cdef int signal = vx_trap_unsafe_signal()
    say("handlers", signal == 0,
        f"the handler of signal {signal} lacks SA_ONSTACK: install it with that flag")

    ours = ("/memfd:vx9-", "/dev/zero (deleted)")
    low, wx, low_code = [], [], []
    with open("/proc/self/maps", "rb") as file:
        for line in file.read().decode(errors="replace").splitlines():
            span, perms, _, _, _, *name = line.split(maxsplit=5)
            begin, end = (int(x, 16) for x in span.split("-"))
            name = name[0] if name else ""
            if "w" in perms and "x" in perms:
                wx.append(line)
            if begin >> 32:
                continue
            if name and not name.startswith(ours):
                low.append(name)
            elif "x" in perms and not name.startswith("/memfd:vx9-code"):
                low_code.append(line)
    say("wx", not wx, f"memory that is writable and executable: {'; '.join(wx)}")
    say("low_code", not low_code, f"code below 4 GiB that is not ours: {'; '.join(low_code)}")
    found["low"] = tuple(sorted(set(low)))
    found["walls"] = dict(standing) if standing is not None else {}
    if bad:
        raise CoreError("self-test: " + "; ".join(bad))
    return found


def harden(level="calls", *, writable=None, network=False, children=False, parent_death=False):
    """Put up the walls behind the translator, for good, around this process."""
    global standing
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is not one of {', '.join(LEVELS)}")
    start()
    cdef unsigned walls = VX_WALL_ENTRY | <unsigned>LEVELS[level]
    walls |= VX_WALL_NETWORK_OPEN if network else 0
    walls |= VX_WALL_CHILDREN_OPEN if children else 0
    walls |= VX_WALL_PARENT if parent_death else 0
    cdef const char *why = NULL
    cdef const char *paths[257]
    cdef int version = 0, i, err
    if writable is not None:
        names = [os.fsencode(path) for path in writable]
        if len(names) > 256:
            raise ValueError(f"{len(names)} paths are more than 256")
        for i in range(len(names)):
            paths[i] = names[i]
        paths[len(names)] = NULL
    err = vx_walls(walls, &why)
    if err < 0:
        raise CoreError(f"{why.decode()} ({os.strerror(-err)})")
    if writable is not None:
        version = vx_walls_files(paths, &why)
        if version < 0:
            what = os.fsdecode(why) if why != NULL else "Landlock"
            raise CoreError(f"cannot keep files from change: {what}: {os.strerror(-version)}")
    standing = {
        "entry": True,
        "calls": bool(err & VX_WALL_CALLS),
        "mdwe": bool(err & VX_WALL_MDWE),
        "parent_death": bool(err & VX_WALL_PARENT),
        "landlock": version,
    }
    return selftest()
