/*
 * The plugin `loopback`: container runtimes call it for every pod before the pod's own network, and take no pod where it is
 * missing. Under that name this program brings `lo` up, and needs no agent for it. The installation puts it only where the node has none.
 */
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(BAD_ENVIRONMENT, "", "enter network namespace %s: %s", netns, strerror(errno));
	close(fd);
}

/* Sets or reads whether `lo` of the namespace that we are in is up. */
static bool loopback_is_up(bool set)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_known = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	if (is_known && set && !(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		is_known = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	}
	if (!is_known)
		fail(NODE_FAILURE, "", "interface lo: %s", strerror(errno));
	close(fd);
	return request.ifr_flags & IFF_UP;
}

static void print_result(const char *netns)
{
	/* Up to 0.4.0, each address says which IP it is. */
	bool is_old = config_version()[0] == '0';
	printf("{\"cniVersion\":\"%s\",\"interfaces\":[{\"name\":\"lo\",\"mac\":\"00:00:00:00:00:00\",\"sandbox\":\"",
	       config_version());
	print_escaped(netns);
	printf("\"}],\"ips\":[{%s\"interface\":0,\"address\":\"127.0.0.1/8\"},{%s\"interface\":0,\"address\":\"::1/128\"}],\"dns\":{}}\n",
	       is_old ? "\"version\":\"4\"," : "", is_old ? "\"version\":\"6\"," : "");
}

int run_loopback(const char *command)
{
	bool is_add = strcmp(command, "ADD") == 0;
	bool is_check = strcmp(command, "CHECK") == 0;
	/* With its namespace `lo` goes by itself; and there is nothing that could be missing, or left over. */
	if (!is_add && !is_check)
		return 0;
	if (is_add && strstr(config_text(), "\"prevResult\""))
		fail(BAD_CONFIG, "", "loopback comes first in a chain: there is a prevResult");
	const char *netns = getenv("CNI_NETNS");
	if (!netns || !*netns)
		fail(BAD_ENVIRONMENT, "", "CNI_NETNS is missing");
	enter(netns);
	if (!loopback_is_up(is_add))
		fail(CHANGED, "", "interface lo is down");
	if (is_add)
		print_result(netns);
	return 0;
}
