// What runs in the test pods of the testbed: a server that says who it is, and the clients that tests run by
// `kubectl exec`, as the image has nothing else in it.
//
//	testserver serve [PORT...]   HTTP on each port (8080), and UDP on the same; ends on SIGTERM
//	testserver get URL [SECONDS]  prints the answer's body; exit code 1 unless it is a 200, within 5 seconds if not said otherwise
//	testserver load URL...       asks each until its standard input ends, then prints what it saw (load.go)
//	testserver lookup NAME       prints the addresses that a name has
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	command, args := "", []string{}
	if len(os.Args) > 1 {
		command, args = os.Args[1], os.Args[2:]
	}
	switch {
	case command == "serve":
		serve(args)
	case command == "get" && len(args) == 1:
		get(args[0], 5)
	case command == "get" && len(args) == 2:
		seconds, err := strconv.Atoi(args[1])
		if err != nil {
			log.Fatal(err)
		}
		get(args[0], seconds)
	case command == "load" && len(args) > 0:
		load(args)
	case command == "lookup" && len(args) == 1:
		lookup(args[0])
	default:
		log.Fatal("usage: testserver serve [PORT...] | get URL [SECONDS] | load URL... | lookup NAME")
	}
}

// The pod's name, as Kubernetes makes it the host name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	return name
}

func serve(ports []string) {
	if len(ports) == 0 {
		ports = []string{"8080"}
	}
	pod := hostname()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{
			"pod": pod, "method": r.Method, "host": r.Host, "path": r.URL.RequestURI(), "headers": r.Header,
			"client": r.RemoteAddr,
		})
		if r.URL.Path != "/load" {
			log.Printf("%s %s %s%s", r.RemoteAddr, r.Method, r.Host, r.URL.RequestURI())
		}
	})
	for _, port := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			log.Fatal(err)
		}
		go func() { log.Fatal(http.Serve(listener, handler)) }()
		packets, err := net.ListenPacket("udp", ":"+port)
		if err != nil {
			log.Fatal(err)
		}
		go echoPackets(packets, pod)
		log.Printf("%s serves port %s", pod, port)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}

// Answers each datagram with the pod's name and what it held.
func echoPackets(packets net.PacketConn, pod string) {
	buffer := make([]byte, 64<<10)
	for {
		length, from, err := packets.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		packets.WriteTo(fmt.Appendf(nil, "%s %s", pod, buffer[:length]), from)
	}
}

func get(url string, seconds int) {
	client := http.Client{Timeout: time.Duration(seconds) * time.Second}
	response, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
}

func lookup(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	for _, address := range addresses {
		fmt.Println(address)
	}
}
