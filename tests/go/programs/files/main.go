// Files lists a folder and reads its files; with a second argument it writes new ones there.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func must(err error) {
	if err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
}

func list(dir string) {
	entries, err := os.ReadDir(dir)
	must(err)
	for _, entry := range entries {
		info, err := entry.Info()
		must(err)
		if entry.IsDir() {
			fmt.Printf("%s/\n", entry.Name())
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		must(err)
		fmt.Printf("%s %d %d\n", entry.Name(), info.Size(), bytes.Count(data, []byte("\n")))
	}
	_, err = os.Open(filepath.Join(dir, "no such file"))
	fmt.Println("missing:", errors.Is(err, fs.ErrNotExist))
}

func write(dir string) {
	sub := filepath.Join(dir, "new", "deeper")
	must(os.MkdirAll(sub, 0o777))
	name := filepath.Join(sub, "big")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	must(os.WriteFile(name, data, 0o666))
	again, err := os.ReadFile(name)
	must(err)
	fmt.Println("same:", bytes.Equal(data, again))

	file, err := os.OpenFile(name, os.O_RDWR, 0)
	must(err)
	_, err = file.WriteAt([]byte("XY"), 100)
	must(err)
	must(file.Truncate(1000))
	must(file.Close())
	must(os.Rename(name, filepath.Join(sub, "small")))
	info, err := os.Stat(filepath.Join(sub, "small"))
	must(err)
	fmt.Println("size:", info.Size(), info.Mode().IsRegular())

	must(os.WriteFile(filepath.Join(sub, "gone"), nil, 0o600))
	must(os.Remove(filepath.Join(sub, "gone")))
	_, err = os.Stat(filepath.Join(sub, "gone"))
	fmt.Println("removed:", errors.Is(err, fs.ErrNotExist))

	temp, err := os.CreateTemp("", "scratch")
	must(err)
	_, err = temp.WriteString("private")
	must(err)
	must(temp.Close())
	fmt.Println("temporary:", filepath.Dir(temp.Name()) == os.TempDir())
}

func main() {
	list(os.Args[1])
	if len(os.Args) > 2 {
		write(os.Args[2])
	}
	dir, err := os.Getwd()
	must(err)
	fmt.Println("in", dir)
}
