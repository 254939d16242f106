// Goroutines works the scheduler, the timers and the collector, and recovers from faults.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf("FAIL: "+format+"\n", args...)
		os.Exit(1)
	}
}

// channels has 100 goroutines that pass numbers along a chain and square them in parallel.
func channels() {
	const n = 100
	squares := make(chan int)
	var group sync.WaitGroup
	for i := range n {
		group.Add(1)
		go func() {
			defer group.Done()
			squares <- i * i
		}()
	}
	go func() { group.Wait(); close(squares) }()
	sum := 0
	for square := range squares {
		sum += square
	}
	check(sum == 328350, "sum of squares is %d", sum)

	first := make(chan int)
	in := first
	for range n {
		from, to := in, make(chan int)
		go func() {
			for v := range from {
				to <- v + 1
			}
			close(to)
		}()
		in = to
	}
	go func() {
		for v := range 50 {
			first <- v
		}
		close(first)
	}()
	next := 0
	for v := range in {
		check(v == next+n, "the chain gave %d, not %d", v, next+n)
		next++
	}
	check(next == 50, "the chain gave %d numbers", next)
	fmt.Println("channels ok")
}

func locks() {
	var mu sync.Mutex
	var group sync.WaitGroup
	var atomics atomic.Int64
	count := 0
	for range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				mu.Lock()
				count++
				mu.Unlock()
				atomics.Add(1)
			}
		}()
	}
	group.Wait()
	check(count == 10000, "the lock lost counts: %d", count)
	check(atomics.Load() == 10000, "the atomic lost counts: %d", atomics.Load())
	fmt.Println("locks ok")
}

func timers() {
	start := time.Now()
	var group sync.WaitGroup
	for i := range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(time.Duration(i+1) * time.Millisecond)
		}()
	}
	group.Wait()
	passed := time.Since(start)
	check(passed >= 20*time.Millisecond, "slept only %v", passed)

	ticker := time.NewTicker(5 * time.Millisecond)
	for range 3 {
		<-ticker.C
	}
	ticker.Stop()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-make(chan int):
	}
	stopped := time.AfterFunc(time.Hour, func() { panic("an hour went by") })
	check(stopped.Stop(), "the timer had fired")
	fmt.Println("timers ok")
}

type node struct {
	left, right *node
	payload     [64]byte
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	n := &node{left: tree(depth - 1), right: tree(depth - 1)}
	n.payload[0] = byte(depth)
	return n
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

// garbage makes the collector run while eight goroutines allocate.
func garbage() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 6 {
				t := tree(10)
				check(t.count() == 2047, "the collector lost nodes")
			}
		}()
	}
	group.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	check(after.NumGC > before.NumGC+1, "only %d collections", after.NumGC-before.NumGC)
	fmt.Println("garbage ok")
}

//go:noinline
func store(p *int) { *p = 1 }

//go:noinline
func divide(a, b int) int { return a / b }

func recovered(f func()) (text string) {
	defer func() {
		if err, ok := recover().(runtime.Error); ok {
			text = err.Error()
		}
	}()
	f()
	return "no panic"
}

// faults recovers from traps that the kernel reports as notes.
func faults() {
	const wild = "runtime error: invalid memory address or nil pointer dereference"
	for range 10 {
		got := recovered(func() { store(nil) })
		check(got == wild, "nil store: %s", got)
		got = recovered(func() { divide(1, len(os.Args)-len(os.Args)) })
		check(got == "runtime error: integer divide by zero", "divide: %s", got)
	}
	done := make(chan string)
	go func() { done <- recovered(func() { store(nil) }) }()
	check(<-done == wild, "nil store in a goroutine")
	fmt.Println("faults ok")
}

func main() {
	channels()
	locks()
	timers()
	garbage()
	faults()
	fmt.Println("PASS")
}
