// Command check compares triage results with the lab's labels.
package main

func main() {}
