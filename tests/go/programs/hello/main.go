// Hello prints a greeting, its arguments and its standard input, and exits with $STATUS.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	fmt.Println("hello, world")
	for i, arg := range os.Args[1:] {
		fmt.Printf("%d %q\n", i+1, arg)
	}
	if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
	}
	status, _ := strconv.Atoi(os.Getenv("STATUS"))
	os.Exit(status)
}
