"""Objects that are taken again: empty, and seen by nobody who had them before."""

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind

RESERVE = 37 << 20  # no other test's
TEXT = bytes.fromhex("8b03 cd40 8903 cd40")  # mov (%ebx), %eax; int; mov %eax, (%ebx); int


def guest(data: MemoryObject) -> Cpu:
    memory = Memory(60 << 20)
    text = MemoryObject(4096)
    text.write(0, TEXT)
    memory.map(0x1000, text, READ | EXEC)
    memory.map(0x100000, data, READ | WRITE | EXEC)
    cpu = Cpu(memory)
    cpu.eip = 0x1000
    return cpu


def seen(cpu: Cpu, address: int, value: int) -> int | TrapKind:
    """What a guest finds at an address before it writes a value there; or its fault."""
    cpu.eip, cpu.ebx = 0x1000, address
    if (trap := cpu.run()).kind != TrapKind.INT:
        return trap.address
    found = cpu.eax
    cpu.eax = value
    assert cpu.run().kind == TrapKind.INT
    return found


def test_an_object_is_empty_whoever_had_its_place():
    for turn in range(1, 200):
        data = MemoryObject(turn % 5 * 0x1000 + 0x3000, RESERVE)
        assert data.read(0, data.size) == bytes(data.size)
        cpu = guest(data)
        assert seen(cpu, 0x100000, turn) == 0
        assert seen(cpu, 0x102FFC, turn) == 0
        data.write(data.size - 4, b"host")
        cpu.memory.close()


def test_two_objects_never_share_a_page():
    for _ in range(20):
        data = [MemoryObject(0x2000, RESERVE) for _ in range(5)]
        cpus = [guest(d) for d in data]
        for i, cpu in enumerate(cpus):
            assert seen(cpu, 0x101000, i + 1) == 0
        assert [seen(cpu, 0x101000, 0) for cpu in cpus] == [1, 2, 3, 4, 5]


def test_a_smaller_object_in_the_same_place_ends_where_it_says():
    cpu = guest(MemoryObject(0x8000, RESERVE))
    assert seen(cpu, 0x107000, 7) == 0
    cpu.memory.close()
    cpu = guest(small := MemoryObject(0x2000, RESERVE))
    assert seen(cpu, 0x102000, 1) == 0x102000  # faults
    small.resize(0x8000)
    assert seen(cpu, 0x107000, 1) == 0


def test_code_made_of_an_object_dies_with_it():
    for value in (1, 2, 3):
        data = MemoryObject(0x1000, RESERVE)
        data.write(0, b"\xb8" + value.to_bytes(4, "little") + b"\xcd\x40")  # mov $value, %eax; int
        cpu = guest(data)
        cpu.eip = 0x100000
        assert cpu.run().kind == TrapKind.INT and cpu.eax == value
        cpu.memory.close()


def test_copies_are_independent_of_what_lay_there():
    for turn in range(50):
        data = MemoryObject(0x20000, RESERVE)
        data.write(0x5000, b"%3d" % turn)
        copy = data.copy()
        data.write(0x6000, b"not in the copy")
        assert copy.read(0, 0x20000) == bytes(0x5000) + b"%3d" % turn + bytes(0x1AFFD)
        data.zero(0, 0x20000)
        assert data.used() == 0
