//go:build !linux

package main

func acceptSocket(int) (int, error) { return -1, errLinux }
