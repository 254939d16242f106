// Crash ends badly, in the way that its argument names.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

//go:noinline
func load(p *int) int { return *p }

//go:noinline
func divide(a, b int) int { return a / b }

func main() {
	switch os.Args[1] {
	case "nil":
		fmt.Println(load(nil))
	case "divide":
		fmt.Println(divide(1, len(os.Args)-2))
	case "panic":
		panic("as asked")
	case "deadlock":
		select {}
	case "loop":
		for i := 0; ; i++ {
		}
	case "wait":
		// Catches the first interrupt, says so and exits by itself.
		notes := make(chan os.Signal, 1)
		signal.Notify(notes, os.Interrupt)
		fmt.Println("waiting")
		fmt.Println("got", <-notes)
		os.Exit(7)
	case "sleep":
		fmt.Println("waiting")
		time.Sleep(time.Hour)
	case "deaf":
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		fmt.Println("waiting")
		time.Sleep(time.Hour)
	}
}
