"""What a gateway is put beside: memcached, nginx, and a floor that does nothing but answer."""

import os
import shutil
import socket

import machine
from lab import Missing, answers, free_port


def memcached(lab, port=None, cpu=None):
    port = port or free_port()
    command = ["memcached", "-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "64", "-t", "1"]
    # memcached refuses to run as root unless it is told that root is meant.
    command += ["-u", "root"] if os.geteuid() == 0 else []
    process = lab.start("memcached", command, cpu)
    process.wait_until(lambda: answers(port), "connection")
    process.port = port
    process.address = f"127.0.0.1:{port}"
    return process


def store(port, values):
    """Sets keys of a memcached to bytes."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for key, value in values.items():
            connection.sendall(f"set {key} 0 0 {len(value)} noreply\r\n".encode() + value + b"\r\n")
        connection.sendall(b"version\r\n")
        connection.recv(100)


def floor(lab, answer_bytes, cpu=None):
    """The cheapest server there can be on epoll, with answers of a given size, head and body together."""
    compiler = next((one for one in ("cc", "clang", "gcc") if shutil.which(one)), None)
    if not compiler:
        raise Missing("no C compiler for the floor program: apt-get install gcc")
    program = lab.folder / "floor"
    if not program.exists():
        lab.run([compiler, "-O2", "-o", program, machine.LOADTESTS / "lib/floor.c"], 60)
    port = free_port()
    process = lab.start("floor", [program, port, answer_bytes], cpu)
    process.wait_until(lambda: answers(port), "connection")
    process.port = port
    return process


# Bytes of the head that nginx writes before a body of four digits' length.
NGINX_HEAD = len(
    "HTTP/1.1 200 OK\r\nServer: \r\nDate: Sun, 22 Nov 2026 16:21:16 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 1000\r\nConnection: keep-alive\r\n\r\n")


def nginx(lab, location, cpu=None, upstream=""):
    """One process of nginx with one location; errors only are logged."""
    port = free_port()
    folder = lab.subfolder("nginx")
    temporary = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(
        # One process in all, so that its processor time is one number.
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 4096; }\n"
        f"http {{\n  access_log off; keepalive_requests 1000000000; default_type application/json;\n{temporary}  {upstream}\n"
        f"  server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}\n}}\n")
    program = "nginx" if shutil.which("nginx") else "/usr/sbin/nginx"
    process = lab.start("nginx", [program, "-e", folder / "error.log", "-c", config], cpu)
    process.wait_until(lambda: answers(port), "connection")
    process.port = port
    return process
