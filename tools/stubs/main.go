// SPDX-License-Identifier: Apache-2.0

// Command stubs rewrites a protobuf compiler's request, from standard input to standard output, so that a plugin that
// generates code for services puts it into a Go package of its own beside the messages': what is made of package
// syncv1's services becomes package syncv1grpc in the folder syncv1grpc. The argument is the ending, here grpc.
//
// protoc-gen-go-grpc has no option for that, and in one package every program that uses a message links gRPC. No
// generated text is touched: each file with services is split into one with the messages, which stays in its package,
// and one with the services, so that the plugin itself finds it has to import the former.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stubs:", err)
		os.Exit(1)
	}
}

// run reads a CodeGeneratorRequest from in and writes the rewritten one to out.
func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("one argument wanted: the ending of the packages' names")
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	request := &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(raw, request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	var files []*descriptorpb.FileDescriptorProto
	for _, file := range request.ProtoFile {
		if len(file.Service) > 0 && slices.Contains(request.FileToGenerate, file.GetName()) {
			messages, err := split(file, args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", file.GetName(), err)
			}
			files = append(files, messages)
		}
		files = append(files, file)
	}
	request.ProtoFile = files
	raw, err = proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	_, err = out.Write(raw)
	return err
}

// split moves all but the services of file into a new one, which it returns, and gives file a Go package of its own. It
// keeps the file's name, which generated code quotes, and the comments of its services.
func split(file *descriptorpb.FileDescriptorProto, ending string) (*descriptorpb.FileDescriptorProto, error) {
	goPackage, name, named := strings.Cut(file.GetOptions().GetGoPackage(), ";")
	if goPackage == "" {
		return nil, errors.New("no go_package")
	}
	if !named {
		name = path.Base(goPackage)
	}
	messages := proto.CloneOf(file)
	messages.Name = proto.String(strings.TrimSuffix(file.GetName(), ".proto") + "_messages.proto")
	messages.Service, messages.SourceCodeInfo = nil, nil

	file.MessageType, file.EnumType, file.Extension = nil, nil, nil
	file.Dependency = append(file.Dependency, messages.GetName())
	file.Options.GoPackage = proto.String(path.Join(goPackage, name+ending) + ";" + name + ending)
	return messages, nil
}
