package main

type lossCmd struct {
	Accept lossAcceptCmd `cmd:"" help:"Go on without records that Kafka has lost, named as status names them."`
}

type lossAcceptCmd struct {
	Topic     string `arg:"" help:"The topic that lost them."`
	Partition int32  `arg:"" help:"The partition."`
	From      int64  `required:"" help:"The first offset that is needed."`
	To        int64  `required:"" help:"Where the log begins now."`
}

func (c *lossAcceptCmd) Run(s *session) error {
	body := map[string]any{"topic": c.Topic, "partition": c.Partition, "from": c.From, "to": c.To}
	return call(s, "POST", "/v1/losses", body, func(struct{}) {
		s.printf("accepted: partition %d of %s goes on without offsets %d to %d\n", c.Partition, c.Topic, c.From, c.To)
	})
}
