// Hog takes memory until there is no more.
package main

import "fmt"

func main() {
	var kept [][]byte
	for total := 0; ; total += 4 << 20 {
		block := make([]byte, 4<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
		if total%(64<<20) == 0 {
			fmt.Println(len(kept))
		}
	}
}
