package main

import "golang.org/x/sys/unix"

// warmBytes is more than all attacks have the gateway and the kernel take.
const warmBytes = 1 << 30

// warm writes to memory and gives it back, as what is given back last is given away first.
// A virtual machine has no memory where nothing was ever written: the first write has the
// host find some, for up to 20 µs a page, and whoever is the first to fill socket buffers
// would be charged with it. An error is the machine's and takes nothing but the fairness.
func warm(bytes int) {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return
	}
	for at := 0; at < bytes; at += unix.Getpagesize() {
		b[at] = 1
	}
	_ = unix.Munmap(b)
}
