package pipeline

import (
	"math"

	"rollcall/pipeline/segment"
)

// knownNumbers looks names up without giving new ones numbers.
type knownNumbers struct{ *account }

const unknownNumber = math.MaxUint32

func (k knownNumbers) listNumber(kind segment.Kind, name string) uint32 {
	if n, ok := k.lists.lookup(listKey(kind, name)); ok {
		return n
	}
	return unknownNumber
}

func (k knownNumbers) messageNumber(name string) uint32 {
	if n, ok := k.messages.lookup(name); ok {
		return n
	}
	return unknownNumber
}

func (k knownNumbers) slot(id string) int {
	if n, ok := k.slots[id]; ok {
		return n
	}
	return math.MaxInt32
}
