// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"testing"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// samplePackage is a row as dpkg's collector fills it.
func samplePackage() *inventoryv1.DebPackage {
	return &inventoryv1.DebPackage{
		Name: proto.String("libgssapi-krb5-2"), Version: proto.String("1.20.1-2+deb12u3"), Source: proto.String("krb5"),
		Arch: proto.String("amd64"), Revision: proto.String("2+deb12u3"), Status: proto.String("install ok installed"),
		Maintainer: proto.String("Sam Hartman <hartmans@example.org>"), Section: proto.String("libs"),
		Priority: proto.String("optional"), Size: proto.Int64(435), SourceVersion: proto.String("1.20.1-2+deb12u3"),
		Homepage: proto.String("https://kerberos.example.org/"), MultiArch: proto.String("same"),
		Summary:     proto.String("MIT Kerberos runtime libraries - krb5 GSS-API Mechanism"),
		Purl:        proto.String("pkg:deb/debian/libgssapi-krb5-2@1.20.1-2%2Bdeb12u3?arch=amd64&distro=debian-12"),
		InstallTime: proto.String("2026-03-01T12:30:00"),
	}
}

func BenchmarkCanonicalDebPackage(b *testing.B) {
	p := samplePackage()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Canonical(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	body, err := Canonical(samplePackage())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		Of("deb_packages", body)
	}
}

func BenchmarkValidateDebPackage(b *testing.B) {
	body, err := Canonical(samplePackage())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(body); err != nil {
			b.Fatal(err)
		}
	}
}
