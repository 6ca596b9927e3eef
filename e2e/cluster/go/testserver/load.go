package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// For a new connection, and for its answer: with room for a machine that does much else, and for a first packet that was lost.
const patience = 3 * time.Second

// What was seen of all URLs together.
type seen struct {
	sync.Mutex
	// Answers on connections that are held.
	Requests int `json:"requests"`
	// Connections that were held and broke, or from which nothing came for five seconds.
	Lost []string `json:"lost"`
	// New connections, one after the other: with an answer, and without one in time.
	Answered int      `json:"answered"`
	Refused  int      `json:"refused"`
	Errors   []string `json:"errors"`
}

// For each URL: one connection with a request every 5 ms for as long as it holds, and a new one every 50 ms. Prints `loading` when
// all have been tried once, and what it saw at the end of its input.
func load(urls []string) {
	all := &seen{Lost: []string{}, Errors: []string{}}
	var tried, ended sync.WaitGroup
	stop := make(chan struct{})
	for _, text := range urls {
		target, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		tried.Add(2)
		ended.Add(2)
		go func() { defer ended.Done(); hold(target.Host, all, tried.Done, stop) }()
		go func() { defer ended.Done(); open(target.Host, all, tried.Done, stop) }()
	}
	tried.Wait()
	fmt.Println("loading")
	io.Copy(io.Discard, os.Stdin)
	close(stop)
	ended.Wait()
	json.NewEncoder(os.Stdout).Encode(all)
}

func hold(address string, all *seen, tried func(), stop chan struct{}) {
	first := true
	for {
		err := holdOne(address, all, func() {
			if first {
				tried()
			}
			first = false
		}, stop)
		if err == nil {
			return
		}
		if first {
			tried()
			first = false
		}
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Nil at the end of the load. That a connection cannot be opened is not a loss: `open` counts these.
func holdOne(address string, all *seen, answered func(), stop chan struct{}) error {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	local := connection.LocalAddr()
	for {
		if err := ask(connection, reader, 5*time.Second); err != nil {
			all.Lock()
			all.Lost = append(all.Lost, fmt.Sprintf("%s %s -> %s: %v", time.Now().Format("15:04:05.000"), local, address, err))
			all.Unlock()
			return err
		}
		answered()
		all.Lock()
		all.Requests++
		all.Unlock()
		select {
		case <-stop:
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func open(address string, all *seen, tried func(), stop chan struct{}) {
	for first := true; ; first = false {
		err := openOne(address)
		all.Lock()
		if err == nil {
			all.Answered++
		} else {
			all.Refused++
			if len(all.Errors) < 20 {
				all.Errors = append(all.Errors, fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), address, err))
			}
		}
		all.Unlock()
		if first {
			tried()
		}
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func openOne(address string) error {
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer connection.Close()
	return ask(connection, bufio.NewReader(connection), patience)
}

func ask(connection net.Conn, reader *bufio.Reader, limit time.Duration) error {
	connection.SetDeadline(time.Now().Add(limit))
	if _, err := fmt.Fprint(connection, "GET /load HTTP/1.1\r\nHost: load\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
