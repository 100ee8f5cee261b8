package node

import (
	"errors"
	"rollcall/api"
	"rollcall/pipeline"
	"slices"
)

// Missing names what is missing before the node is ready.
func (n *Node) Missing() []string {
	missing := slices.Clone(n.wrong)
	if n.cfg.API {
		missing = append(missing, n.view.Freshness("").Missing...)
	}
	for _, fault := range n.stopped() {
		if reason := fault.Error(); !slices.Contains(missing, reason) {
			missing = append(missing, reason)
		}
	}
	return missing
}

// lost names what the log no longer has, of what the partitions of this process need.
func (n *Node) lost() (reasons []string) {
	for _, fault := range n.stopped() {
		if lost, ok := errors.AsType[*pipeline.LossError](fault); ok {
			reasons = append(reasons, lost.Error())
		}
	}
	return reasons
}

// stopped is what keeps partitions of this process from going on.
func (n *Node) stopped() (faults []error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, partition := range slices.Sorted(slices.Values(n.group.Tasks())) {
		if fault, stopped := n.faults[partition]; stopped {
			faults = append(faults, fault)
		}
	}
	return faults
}

// status is the View with what only the node knows.
type status struct {
	*pipeline.View
	node *Node
}

// Status implements api.Views.
func (s status) Status(account string) api.Status {
	answer := s.View.Status(account)
	for _, l := range answer.Losses {
		answer.DataLostReasons = append(answer.DataLostReasons, l.String())
	}
	if lost := s.node.lost(); len(lost) > 0 {
		answer.DataLost, answer.DataLostReasons = true, append(answer.DataLostReasons, lost...)
	}
	return answer
}
