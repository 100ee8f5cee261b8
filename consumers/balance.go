package consumers

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
)

// balancer assigns tasks, not partitions: whoever has task p gets partition q
// of every topic with q mod tasks == p. It spreads them evenly, and members
// keep what they have as far as that allows.
type balancer struct {
	tasks int
	held  func() []int32 // what this member has now
}

// ProtocolName carries the number of tasks, so that members that disagree about
// it can't be in one group.
func (b balancer) ProtocolName() string { return fmt.Sprintf("rollcall-%d", b.tasks) }

// UserData tells the group's leader which tasks this member has.
func (b balancer) UserData() ([]byte, error) {
	var data []byte
	for _, task := range b.held() {
		data = binary.BigEndian.AppendUint32(data, uint32(task))
	}
	return data, nil
}

// AssignGroups is called on the group's leader.
func (b balancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	claims := map[string][]int32{}
	for _, m := range members {
		claims[m.ID] = decodeTasks(m.UserData)
	}
	owner := spread(b.tasks, claims)
	assignments := kafka.GroupMemberAssignments{}
	for _, m := range members {
		assignments[m.ID] = map[string][]int{}
	}
	for _, p := range partitions {
		topics := assignments[owner[p.ID%b.tasks]]
		topics[p.Topic] = append(topics[p.Topic], p.ID)
	}
	for _, topics := range assignments {
		for _, ids := range topics {
			slices.Sort(ids)
		}
	}
	return assignments
}

func decodeTasks(data []byte) []int32 {
	var tasks []int32
	for ; len(data) >= 4; data = data[4:] {
		tasks = append(tasks, int32(binary.BigEndian.Uint32(data)))
	}
	return tasks
}

// spread gives every task an owner. The members' shares differ by one at most;
// a member keeps the tasks it claims up to its share, and of two that claim the
// same, the one with more claims keeps it.
func spread(tasks int, claims map[string][]int32) []string {
	members := slices.SortedFunc(maps.Keys(claims), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(claims[b]), len(claims[a])), cmp.Compare(a, b))
	})
	owner := make([]string, tasks)
	quota := map[string]int{}
	for i, m := range members {
		quota[m] = (tasks + len(members) - 1 - i) / len(members) // larger shares to those who have most
		for _, task := range claims[m] {
			if quota[m] > 0 && task >= 0 && int(task) < tasks && owner[task] == "" {
				owner[task] = m
				quota[m]--
			}
		}
	}
	for task := range owner {
		for len(members) > 0 && quota[members[0]] == 0 {
			members = members[1:]
		}
		if owner[task] == "" {
			owner[task] = members[0]
			quota[members[0]]--
		}
	}
	return owner
}

// tasksOf returns the tasks of an assignment in order.
func tasksOf(assigned map[string][]kafka.PartitionAssignment, tasks int) []int32 {
	set := map[int32]bool{}
	for _, partitions := range assigned {
		for _, p := range partitions {
			set[int32(p.ID%tasks)] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// PartitionsOf returns the partitions that a task reads, in order of topic and
// number: of every topic those whose number is the task's, modulo the tasks.
func PartitionsOf(task int32, tasks int, counts map[string]int) []TopicPartition {
	var tps []TopicPartition
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		for q := int(task); q < counts[topic]; q += tasks {
			tps = append(tps, TopicPartition{topic, int32(q)})
		}
	}
	return tps
}
