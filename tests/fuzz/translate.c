/*
 * translate.c: fuzz target: decoder, translator and verifier, of whatever bytes.
 *
 * Input: what to do (one byte), where in the text to begin (one byte), then the text, which ends
 * where its page does.  What must hold: no access out of bounds (the sanitizers see to that);
 * a decoder that answers the same for the same bytes, whatever follows them; and a verifier that
 * accepts all that the translator makes, and survives what it does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../vxcore/src/decode.h"
#include "../../vxcore/src/vx.h"

enum { TEXT = 0x10000, PAGES = 3 };

#define CHECK(what) ((what) ? (void)0 : fail(#what, __LINE__))

static void
fail(const char *what, int line)
{
    fprintf(stderr, "translate.c:%d: not so: %s\n", line, what);
    abort();
}

static void
check_decoder(const uint8_t *data, size_t size)
{
    struct vx_insn in, again;
    unsigned n = size < VX_INSN_MAX ? (unsigned)size : VX_INSN_MAX;
    uint8_t *exact = malloc(n ? n : 1);  /* for the sanitizer: not one byte more */
    memcpy(exact, data, n);
    int length = vx_decode(exact, n, VX_FEATURES_ALL, &in);
    CHECK(length <= (int)n);
    if (length > 0) {
        CHECK(in.length == length);
        for (int k = 1; k < length; k++) {
            uint8_t *less = malloc((size_t)k);
            memcpy(less, data, (size_t)k);
            CHECK(vx_decode(less, (unsigned)k, VX_FEATURES_ALL, &again) == VX_SHORT);
            free(less);
        }
        uint8_t copy[VX_INSN_MAX + 1], twice[VX_INSN_MAX + 1];
        unsigned m = vx_insn_copy(&in, exact, copy);
        CHECK(m > 0 && (int)m <= length);
        CHECK(vx_decode(copy, m, VX_FEATURES_ALL, &again) == (int)m);
        CHECK(again.row == in.row);
        CHECK(vx_insn_copy(&again, copy, twice) == m && memcmp(copy, twice, m) == 0);
        uint32_t reg[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        struct vx_access access[VX_NACCESS];
        int count = vx_insn_accesses(&in, exact, reg, access);
        CHECK(count >= 0 && count <= VX_NACCESS);
    } else if (length == VX_SHORT) {
        CHECK(n < VX_INSN_MAX);
    }
    free(exact);
}

static void
check_translator(const uint8_t *data, size_t size, uint8_t how, uint8_t start)
{
    struct vx_cache *c = vx_cache_new();
    struct vx_memory *m = vx_memory_new(1 << 20, c);
    struct vx_object *o = vx_object_new(PAGES * VX_PAGE, 0);
    CHECK(c && m && o);
    if (size > PAGES * VX_PAGE)
        size = PAGES * VX_PAGE;
    uint32_t at = PAGES * VX_PAGE - (uint32_t)size;
    memcpy(vx_object_data(o) + at, data, size);
    CHECK(vx_memory_map(m, TEXT, o, VX_READ | VX_EXEC) == 0);
    CHECK(vx_cache_activate(c) == 0);
    uint32_t eip = TEXT + at + start, host = 0, bad = 0, other = 0;
    int err = how & 1 ? vx_translate_return(m, c, eip, &host, &bad)
                      : vx_translate(m, c, eip, &host, &bad);
    CHECK(err == 0 || err == -14);  /* EFAULT */
    if (err == 0) {
        CHECK(vx_landing(c, eip, host, how >> 1 & 1) == 0);
        /* All that it would go on to, and each site that learns. */
        for (uint32_t i = 0; i < c->nexit && i < 64; i++) {
            struct vx_exit x = c->exit[i];
            int away = x.arg ? VX_AWAY : VX_HERE;
            if (x.kind == VX_X_LINK && vx_cache_find(c, x.eip, away) == 0)
                (away ? vx_translate_away : vx_translate)(m, c, x.eip, &other, &bad);
            else if (x.kind == VX_X_INDIRECT || x.kind == VX_X_RETURN)
                CHECK(vx_predict(c, &x, eip, host) == 0);
        }
    }
    CHECK(c->count.refused == 0);
    vx_object_unref(o);
    vx_memory_free(m);
    vx_cache_unref(c);
}

static void
check_verifier(const uint8_t *data, size_t size)
{
    struct vx_cache *c = vx_cache_new();
    CHECK(c && vx_cache_activate(c) == 0);
    uint32_t host, bad;
    CHECK(vx_cache_room(c, VX_BLOCK_MAX, 32, &host) == 0);
    uint8_t *exact = calloc(1, size + VX_VERIFY_SEES);
    memcpy(exact, data, size);
    if (vx_verify_why(c, host, exact, (uint32_t)size, &bad))
        CHECK(bad <= size);
    free(exact);
    vx_cache_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    if (!ready) {
        CHECK(vx_store_init() == 0 && vx_cache_init() == 0);
        ready = 1;
    }
    if (size < 3 || size > 4096)
        return 0;
    if (data[0] >= 0xf0) {
        check_verifier(data + 2, size - 2);
        return 0;
    }
    for (size_t i = 2; i < size && i < 18; i++)
        check_decoder(data + i, size - i);
    check_translator(data + 2, size - 2, data[0], data[1]);
    return 0;
}
