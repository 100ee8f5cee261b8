// Command fetch downloads the Kafka broker that the integration tests start, so
// that the first test need not wait for it.
package main

import (
	"fmt"
	"log"

	"rollcall/integration/servers"
)

func main() {
	dir, err := servers.KafkaJars()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Kafka's jars are in", dir)
}
