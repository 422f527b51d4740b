// The Kubernetes API server and the etcd it stores into, in one process that ends with its parent.
//
// Command line: kube-apiserver's own, without --etcd-servers. Environment: KUBERNETES_DATA, the
// folder that etcd keeps its data and its socket in. Standard input: whoever starts it holds the
// other end open; once that is closed, by intent or by a crash, the process ends at once.
package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const etcdReadyWithin = 30 * time.Second

func main() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	endpoint, err := startEtcd(os.Getenv("KUBERNETES_DATA"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
	command := app.NewAPIServerCommand()
	command.SetArgs(append(os.Args[1:], "--etcd-servers="+endpoint))
	os.Exit(cli.Run(command))
}

// startEtcd starts a cluster of one that listens on a socket file and nowhere else.
func startEtcd(folder string) (endpoint string, err error) {
	if folder == "" {
		return "", fmt.Errorf("KUBERNETES_DATA is not set")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	socket := url.URL{Scheme: "unix", Path: filepath.Join(folder, "etcd.sock")}
	wal.SegmentSizeBytes = 4 << 20 // it allocates two at the start, of 64 MB each unless told
	config := embed.NewConfig()
	config.Dir = filepath.Join(folder, "etcd")
	config.LogLevel = "error"
	config.ListenClientUrls = []url.URL{socket}
	config.ListenPeerUrls = nil
	config.UnsafeNoFsync = true // survives the end of the process, which is all that a test does to it
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return socket.String(), nil
	case err := <-etcd.Err():
		return "", err
	case <-time.After(etcdReadyWithin):
		return "", fmt.Errorf("not ready after %s", etcdReadyWithin)
	}
}
