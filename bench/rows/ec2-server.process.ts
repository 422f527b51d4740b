// A server that answers every EC2 request at once, so that only the client is measured.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
const id = "1f6f3f0e-9a41-4a5e-8a35-2c1f6a1a9b1e";
const instance = `<item><instanceId>i-0123456789abcdef0</instanceId><instanceType>m7g.large</instanceType><instanceState><code>16</code><name>running</name></instanceState><tagSet><item><key>Name</key><value>bench</value></item></tagSet></item>`;
const describe = `<DescribeInstancesResponse xmlns="${namespace}"><requestId>${id}</requestId><reservationSet><item><reservationId>r-1</reservationId><instancesSet>${instance}</instancesSet></item></reservationSet></DescribeInstancesResponse>`;
const stop = `<StopInstancesResponse xmlns="${namespace}"><requestId>${id}</requestId><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId></item></instancesSet></StopInstancesResponse>`;

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    response.writeHead(200, { "content-type": "text/xml", "x-amzn-requestid": id });
    response.end(body.includes("Action=DescribeInstances") ? describe : stop);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
setTimeout(() => process.exit(1), 300_000).unref(); // never outlives the bench by much
