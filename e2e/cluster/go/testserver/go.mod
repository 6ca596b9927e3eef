module sluice/e2e/cluster/testserver

go 1.25
