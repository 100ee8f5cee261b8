package servers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// clusterID is Kafka's notation of a UUID; every test cluster may have the same.
const clusterID = "cm9sbGNhbGwtdGVzdHMtMQ"

// log4j keeps what explains a broken start and leaves out the rest.
const log4j = `rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
`

// node is a broker's place in the cluster and its configuration.
type node struct {
	id         int
	port       int
	secure     int // the port with TLS, if there is one
	properties map[string]string
}

// layOut finds ports for all nodes, each of which has to know those of all
// controllers, and writes down their properties.
func layOut(cfg kafkaConfig) ([]node, error) {
	var (
		nodes       []node
		controllers []string
	)
	for id := 1; id <= cfg.brokers; id++ {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		controller, err := freePort()
		if err != nil {
			return nil, err
		}
		controllers = append(controllers, loopback(controller))
		nodes = append(nodes, node{id: id, port: port})
	}
	for i := range nodes {
		nodes[i].properties = properties(cfg, nodes[i], controllers)
		if err := advertise(cfg, nodes[i].properties); err != nil {
			return nil, err
		}
		if err := cfg.secure.lock(&nodes[i]); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// advertise adds the listener that is advertised as elsewhere, if one is asked for.
func advertise(cfg kafkaConfig, p map[string]string) error {
	if cfg.advertised == nil {
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	at, err := cfg.advertised(loopback(port))
	if err != nil {
		return err
	}
	p["listeners"] += ",PROXIED://" + loopback(port)
	p["advertised.listeners"] += ",PROXIED://" + at
	p["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"
	return nil
}

func properties(cfg kafkaConfig, n node, controllers []string) map[string]string {
	var voters []string
	for i, addr := range controllers {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, addr))
	}
	replicas := strconv.Itoa(min(cfg.brokers, 3))
	p := map[string]string{
		"node.id":                    strconv.Itoa(n.id),
		"process.roles":              "broker,controller",
		"controller.quorum.voters":   strings.Join(voters, ","),
		"controller.listener.names":  "CONTROLLER",
		"inter.broker.listener.name": "PLAINTEXT",
		"listeners":                  fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://%s", loopback(n.port), controllers[n.id-1]),
		"advertised.listeners":       "PLAINTEXT://" + loopback(n.port),

		"default.replication.factor":                       replicas,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"share.coordinator.state.topic.replication.factor": replicas,
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.min.isr":            "1",

		"auto.create.topics.enable":        "false",
		"group.initial.rebalance.delay.ms": "0",
		// Few partitions and threads: a test's cluster starts and ends often.
		"offsets.topic.num.partitions":         "2",
		"transaction.state.log.num.partitions": "2",
		"num.network.threads":                  "2",
		"num.io.threads":                       "4",
		"log.cleaner.dedupe.buffer.size":       "4194304",
		// A broker that was killed is missed, and may come back, soon.
		"broker.heartbeat.interval.ms": "500",
		"broker.session.timeout.ms":    "3000",
	}
	maps.Copy(p, cfg.properties)
	return p
}

func propertyFile(p map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", name, p[name])
	}
	return b.Bytes()
}
