package servers

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

const kafkaImage = "apache/kafka:" + kafkaVersion

// container runs a server in a container, at the same port inside and outside,
// because Kafka tells its clients the port that it knows.
type container struct {
	image string
	port  int
	env   map[string]string
	cmd   []string

	running *testcontainers.DockerContainer // nil before the first start
}

// dockerHealthy says why there is no container engine, asking it once.
var dockerHealthy = sync.OnceValue(func() (err error) {
	defer func() {
		// testcontainers panics where it finds no engine to ask.
		if r := recover(); r != nil {
			err = fmt.Errorf("no container engine: %w", errUnavailable)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	provider, err := testcontainers.ProviderDocker.GetProvider()
	if err == nil {
		err = provider.Health(ctx)
	}
	if err != nil {
		return fmt.Errorf("no container engine answers: %w", errUnavailable)
	}
	return nil
})

// containedBroker gives the broker its properties the way the image takes them.
func containedBroker(n node) *container {
	env := map[string]string{"CLUSTER_ID": clusterID}
	for name, value := range n.properties {
		env["KAFKA_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = value
	}
	env["KAFKA_LISTENERS"] = fmt.Sprintf("PLAINTEXT://0.0.0.0:%d,CONTROLLER://127.0.0.1:9093", n.port)
	env["KAFKA_CONTROLLER_QUORUM_VOTERS"] = fmt.Sprintf("%d@127.0.0.1:9093", n.id)
	env["KAFKA_LOG_DIRS"] = "/tmp/kraft-combined-logs"
	return &container{image: kafkaImage, port: n.port, env: env}
}

func (c *container) start(ctx context.Context) error {
	if c.running != nil {
		return c.running.Start(ctx)
	}
	port, err := network.ParsePort(fmt.Sprintf("%d/tcp", c.port))
	if err != nil {
		return err
	}
	binding := network.PortBinding{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: strconv.Itoa(c.port)}
	opts := []testcontainers.ContainerCustomizer{
		testcontainers.WithEnv(c.env),
		testcontainers.WithExposedPorts(port.String()),
		testcontainers.WithHostConfigModifier(func(h *containertypes.HostConfig) {
			h.PortBindings = network.PortMap{port: {binding}}
		}),
	}
	if len(c.cmd) > 0 {
		opts = append(opts, testcontainers.WithCmd(c.cmd...))
	}
	c.running, err = testcontainers.Run(ctx, c.image, opts...)
	return err
}

func (c *container) alive() error {
	if c.running == nil {
		return fmt.Errorf("container of %s was not started", c.image)
	}
	state, err := c.running.State(context.Background())
	if err == nil && !state.Running {
		err = fmt.Errorf("container of %s ended with code %d", c.image, state.ExitCode)
	}
	return err
}

func (c *container) kill() error {
	if c.alive() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	_, err = engine.ContainerKill(ctx, c.running.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

func (c *container) stop(ctx context.Context) error {
	if c.alive() != nil {
		return nil
	}
	return c.running.Stop(ctx, nil)
}

func (c *container) freeze(on bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	if on {
		_, err = engine.ContainerPause(ctx, c.running.GetContainerID(), client.ContainerPauseOptions{})
	} else {
		_, err = engine.ContainerUnpause(ctx, c.running.GetContainerID(), client.ContainerUnpauseOptions{})
	}
	return err
}

func (c *container) remove() error { return testcontainers.TerminateContainer(c.running) }

func (c *container) log() string {
	if c.running == nil {
		return ""
	}
	r, err := c.running.Logs(context.Background())
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	b, _ := io.ReadAll(r)
	return lastLines(string(b))
}
