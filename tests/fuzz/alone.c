/* alone.c: a fuzz target without a fuzzer: runs it on each file given. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        uint8_t *p = malloc(1 << 16);
        if (f == NULL || p == NULL) {
            perror(argv[i]);
            return 2;
        }
        size_t n = fread(p, 1, 1 << 16, f);
        fclose(f);
        p = realloc(p, n ? n : 1);
        LLVMFuzzerTestOneInput(p, n);
        free(p);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
