// Goroutines, maps, sorting and the collector.
package main

import (
	"fmt"
	"sort"
	"strings"
)

func words(n int) []string {
	var list []string
	for i := range n {
		list = append(list, strings.Repeat(string(rune('a'+i%26)), i%17)+fmt.Sprint(i))
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

func main() {
	done := make(chan int)
	for i := range 4 {
		go func() {
			count := map[string]int{}
			for range 30 {
				for _, w := range words(3000 + i) {
					count[w]++
				}
			}
			done <- len(count)
		}()
	}
	for range 4 {
		<-done
	}
}
