module provider-guard.test/ignition

go 1.24.0

require github.com/coreos/ignition/v2 v2.24.0
