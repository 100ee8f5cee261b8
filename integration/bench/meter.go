package main

import (
	"cmp"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// usage is what this process used between two moments.
type usage struct {
	Wall, CPU time.Duration // CPU: user and system, of all threads
	Mallocs   uint64
	Allocated uint64 // bytes
	Heap      uint64 // bytes that live on afterwards
}

// meter measures usage.
type meter struct {
	began time.Time
	cpu   time.Duration
	mem   runtime.MemStats
}

func (m *meter) start() {
	runtime.GC()
	runtime.ReadMemStats(&m.mem)
	m.began, m.cpu = time.Now(), cpuTime()
}

func (m *meter) stop() usage {
	u := usage{Wall: time.Since(m.began), CPU: cpuTime() - m.cpu}
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	u.Mallocs, u.Allocated = now.Mallocs-m.mem.Mallocs, now.TotalAlloc-m.mem.TotalAlloc
	runtime.GC()
	runtime.ReadMemStats(&now)
	u.Heap = now.HeapAlloc
	return u
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0 // it can't fail for oneself
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// median is the one in the middle, the lower of two.
func median[T cmp.Ordered](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)-1)/2]
}

// quantile is the smallest value that a share q of them does not exceed.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	at := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}
